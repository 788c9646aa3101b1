import { afterAll, beforeAll, expect, it } from "bun:test";
import { MediaType } from "../../src/oci/media-types.ts";
import { referrersTag } from "../../src/oci/referrers-tag.ts";
import { RegistryClient, type TestDescriptor } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

/** Maximum bytes of a page, unless it has a single longer entry. */
const MOST_BYTES = 256 * 1024 + 1024;
/** The same for referrers. */
const MOST_REFERRER_BYTES = 3 * 1024 * 1024 + 1024;

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry({ registry: { referrerAnnotationBytes: 4 * 1024 * 1024 } });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** The text of every page from `path` on, found by following the links. */
async function pages(path: string): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const response: Response = await client.call("GET", next);
    expect(response.status).toBe(200);
    texts.push(await response.text());
    next = /<([^>]*)>/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return texts;
}

function largestEntry(entries: readonly unknown[]): number {
  return Math.max(...entries.map((entry) => JSON.stringify(entry).length));
}

it("pages referrers by the size of their annotations, and lists each once, older ones first", async () => {
  const name = "sizes/referrers";
  const subject = await client.pushImage(name, "latest");
  const pushed: string[] = [];
  for (const length of [10, 700_000, 600_000, 1_500_000, 900_000, 1_200_000, 3_800_000, 20, 1_300_000]) {
    const annotations = { note: "x".repeat(length) };
    pushed.push((await client.pushImage(name, undefined, { subject, annotations })).digest);
  }
  const texts = await pages(`/v2/${name}/referrers/${subject.digest}`);
  const lists = texts.map((text) => JSON.parse(text).manifests as { digest: string }[]);
  expect(lists.flat().map(({ digest }) => digest)).toEqual(pushed);
  expect(lists.map((list) => list.length)).toEqual([4, 2, 1, 2]);
  for (const [index, text] of texts.entries()) {
    const list = lists[index] ?? [];
    expect(text.length).toBeLessThan(list.length === 1 ? largestEntry(list) + 1024 : MOST_REFERRER_BYTES);
  }
});

it("lists thousands of referrers in one page, those of a fallback tag last, unless the client asks for less", async () => {
  const name = "sizes/many";
  const subject = await client.pushImage(name, "latest");
  const image = { ...(await client.makeImage(name)), annotations: { note: "x".repeat(200) } };
  const recorded: TestDescriptor[] = [];
  for (let i = 0; i < 3; i++) recorded.push(await client.pushManifest(name, { ...image, old: i }));
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: recorded };
  await client.pushManifest(name, index, referrersTag(subject.digest));
  const pushed: string[] = [];
  for (let i = 0; i < 1500; i++)
    pushed.push((await client.pushManifest(name, { ...image, subject, number: i })).digest);
  const expected = [...pushed, ...recorded.map(({ digest }) => digest as string).toSorted()];
  const digestsOf = (texts: readonly string[]) =>
    texts.flatMap((text) => (JSON.parse(text).manifests as { digest: string }[]).map(({ digest }) => digest));
  const path = `/v2/${name}/referrers/${subject.digest}`;
  const whole = await pages(path);
  expect(whole).toHaveLength(1);
  expect(digestsOf(whole)).toEqual(expected);
  expect(Number(whole[0]?.length)).toBeGreaterThan(MOST_BYTES);
  for (const n of [1500, 1501, 1502]) {
    const parts = await pages(`${path}?n=${n}`);
    expect(parts).toHaveLength(2);
    expect(digestsOf(parts)).toEqual(expected);
  }
});

it("pages a fallback tag of thousands of entries, those too that the repository no longer holds", async () => {
  const name = "sizes/fallback";
  await using sparse = await startRegistry({ registry: { sparseManifests: true } });
  const own = new RegistryClient(sparse);
  const subject = await own.pushImage(name, "latest");
  const held = [];
  for (let i = 0; i < 5; i++) held.push(await own.pushImage(name));
  const missing = Array.from({ length: 5000 }, (_, i) => ({
    mediaType: MediaType.ociManifest,
    digest: `sha256:${i.toString(16).padStart(8, "0").repeat(8)}`,
    size: 10,
  }));
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [...held, ...missing] };
  await own.pushManifest(name, index, referrersTag(subject.digest));
  const seen: string[] = [];
  let count = 0;
  for (let path: string | undefined = `/v2/${name}/referrers/${subject.digest}`; path !== undefined; ) {
    const response = await own.call("GET", path);
    seen.push(
      ...((await response.json()) as { manifests: { digest: string }[] }).manifests.map((m) => m.digest),
    );
    path = /<([^>]*)>/.exec(response.headers.get("link") ?? "")?.[1];
    count += 1;
  }
  expect(seen).toEqual(held.map(({ digest }) => digest as string).toSorted());
  expect(count).toBe(3);
});

it("pages tags and repositories by their bytes, whatever the client asks for", async () => {
  const name = "sizes/tags";
  const image = JSON.stringify(await client.makeImage(name));
  const tags = Array.from({ length: 3200 }, (_, i) => `${i.toString().padStart(5, "0")}${"t".repeat(120)}`);
  for (let start = 0; start < tags.length; start += 64) {
    const query = tags.slice(start + 1, start + 64).map((tag) => `tag=${tag}`);
    const path = `/v2/${name}/manifests/${tags[start]}?${query.join("&")}`;
    const headers = { "content-type": MediaType.ociManifest };
    expect((await client.call("PUT", path, { headers, body: image })).status).toBe(201);
  }
  for (const query of ["", "?n=100000"]) {
    const texts = await pages(`/v2/${name}/tags/list${query}`);
    expect(texts.flatMap((text) => JSON.parse(text).tags)).toEqual(tags);
    expect(texts.length).toBe(2);
    expect(texts.every((text) => text.length < MOST_BYTES)).toBe(true);
  }
});

it("serves a manifest of 4 MiB in pieces, byte for byte, and tells its length to HEAD", async () => {
  const name = "sizes/manifest";
  const image = { ...(await client.makeImage(name)), annotations: { note: "y".repeat(4_000_000) } };
  const text = JSON.stringify(image);
  const { digest } = await client.pushManifest(name, text, "large");
  for (const reference of ["large", digest]) {
    const response = await client.call("GET", `/v2/${name}/manifests/${reference}`);
    expect(response.headers.get("content-type")).toBe(MediaType.ociManifest);
    expect((await response.text()) === text).toBe(true);
    const head = await client.call("HEAD", `/v2/${name}/manifests/${reference}`);
    expect(head.headers.get("content-length")).toBe(String(text.length));
  }
});
