import { MediaType } from "../../../../src/oci/media-types.ts";
import { MAX_PAGE_BYTES } from "../../../../src/registry/page.ts";
import { MAX_LIST_BYTES } from "../../../../src/registry/referrers.ts";
import type { Random } from "../../../support/random.ts";
import type { RegistryClient } from "../../../support/registry-client.ts";
import type { Scenario } from "./scenario.ts";

/** Bytes of a page besides its entries. */
const PAGE_FRAME_BYTES = 1024;

const CONCURRENT_PUSHES = 16;

/** A list, read page by page. */
interface Listed {
  readonly entries: readonly string[];
  readonly problems: readonly string[];
}

/**
 * Checks tags, referrers and the catalog, whatever was pushed and whatever page size a client asks for. No page exceeds
 * its limits in entries and bytes. All pages together, followed by `Link`, have each entry once and in order: of referrers,
 * those that name the subject in the order of their pushes, and then those of the fallback tag.
 */
export const listingsScenario: Scenario = {
  name: "listings",
  async run({ client, random, repository }) {
    const tags = await pushTags(client, random, `${repository}/tags`);
    const { subject, referrers } = await pushReferrers(client, random, repository);
    const checks: readonly (readonly [string, string, readonly string[]])[] = [
      [`/v2/${repository}/tags/tags/list`, "tags", tags],
      [`/v2/${repository}/referrers/${subject}`, "manifests", referrers],
    ];
    const problems: string[] = [];
    for (const [path, key, expected] of checks) {
      const n = random.oneIn(5) ? undefined : random.pick([1, 7, 100, 100_000]);
      const first = n === undefined ? path : `${path}?n=${n}`;
      const listed = await readAll(client, first, key, n);
      problems.push(...listed.problems);
      if (JSON.stringify(listed.entries) !== JSON.stringify(expected))
        problems.push(`${first} lists ${listed.entries.length} entries, not the ${expected.length} pushed`);
      if (key !== "tags") continue;
      const last = random.pick(expected);
      const rest = await readAll(client, `${path}?last=${last}`, key, undefined);
      const after = expected.filter((each) => each > last);
      if (JSON.stringify(rest.entries) !== JSON.stringify(after))
        problems.push(`${path}?last=${last} lists ${rest.entries.length} entries, not ${after.length}`);
    }
    problems.push(...(await catalogProblems(client, random, repository)));
    return problems;
  },
};

/**
 * Checks the catalog after pushing to many repositories, some with long names. It also contains other rounds'
 * repositories.
 */
async function catalogProblems(
  client: RegistryClient,
  random: Random,
  repository: string,
): Promise<readonly string[]> {
  const count = 1 + random.below(random.pick([5, 100, 1500]));
  const length = random.pick([4, 40, 200]);
  const names = Array.from({ length: count }, (_, i) => `${repository}/r${String(i).padStart(length, "0")}`);
  const empty = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });
  for (let at = 0; at < names.length; at += CONCURRENT_PUSHES) {
    const some = names.slice(at, at + CONCURRENT_PUSHES);
    await Promise.all(some.map((name) => client.pushManifest(name, empty, "latest")));
  }
  const n = random.oneIn(5) ? undefined : random.pick([7, 100, 1000]);
  const path = n === undefined ? "/v2/_catalog" : `/v2/_catalog?n=${n}`;
  const { entries, problems } = await readAll(client, path, "repositories", n);
  const ours = entries.filter((name) => name.startsWith(`${repository}/r`));
  const inOrder = entries.every((name, i) => i === 0 || name > (entries[i - 1] as string));
  return [
    ...problems,
    ...(inOrder ? [] : [`${path} is not in order`]),
    ...(JSON.stringify(ours) === JSON.stringify(names.toSorted())
      ? []
      : [`${path} lists ${ours.length} entries, not the ${count} pushed`]),
  ];
}

/** Pushes an image under many tags. Resolves to the tags in byte order. */
async function pushTags(
  client: RegistryClient,
  random: Random,
  repository: string,
): Promise<readonly string[]> {
  const count = 1 + random.below(random.pick([5, 300, 3000]));
  const length = random.pick([4, 40, 120]);
  const tags = Array.from({ length: count }, (_, i) => `t${String(i).padStart(length, "0")}`);
  const image = await client.pushImage(repository, tags[0] as string);
  const text = await (await client.call("GET", `/v2/${repository}/manifests/${image.digest}`)).text();
  for (let at = 1; at < tags.length; at += 64) {
    const query = tags.slice(at, at + 64).map((tag) => `tag=${tag}`);
    await client.putManifest(repository, `${image.digest}?${query.join("&")}`, text);
  }
  return tags.toSorted();
}

/** Pushes manifests with one subject and annotations of any size, and lists some in the fallback tag as well. */
async function pushReferrers(client: RegistryClient, random: Random, repository: string) {
  const config = await client.pushBlob(repository, "{}", MediaType.ociConfig);
  const subject = await client.pushImage(repository, "subject");
  const pushed: { mediaType: string; digest: string; size: number; own: boolean }[] = [];
  const count = 1 + random.below(40);
  const most = random.pick([10, 20_000, 400_000]);
  for (let i = 0; i < count; i++) {
    const own = !random.oneIn(4);
    const manifest = {
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config,
      layers: [],
      ...(own ? { subject } : {}),
      annotations: { number: String(i), text: "x".repeat(random.below(most)) },
    };
    pushed.push({ ...(await client.pushManifest(repository, manifest)), own });
  }
  const listed = pushed.filter(({ own }) => !own || random.oneIn(3)).map(({ own: _, ...entry }) => entry);
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: listed };
  await client.pushManifest(repository, index, subject.digest.replace(":", "-"));
  const digests = (own: boolean) => pushed.filter((each) => each.own === own).map(({ digest }) => digest);
  return { subject: subject.digest, referrers: [...digests(true), ...digests(false).toSorted()] };
}

async function readAll(
  client: RegistryClient,
  first: string,
  key: string,
  limit: number | undefined,
): Promise<Listed> {
  const entries: string[] = [];
  const problems: string[] = [];
  for (let path: string | undefined = first; path !== undefined; ) {
    const response: Response = await client.call("GET", path);
    const text = await response.text();
    if (response.status !== 200) return { entries, problems: [...problems, `${path}: ${response.status}`] };
    const page = (JSON.parse(text) as Record<string, readonly (string | { digest: string })[]>)[key] ?? [];
    if (limit !== undefined && page.length > limit) problems.push(`${path}: ${page.length} entries`);
    const largest = Math.max(0, ...page.map((entry) => JSON.stringify(entry).length));
    const most = key === "manifests" ? MAX_LIST_BYTES : MAX_PAGE_BYTES;
    if (text.length > Math.max(most, largest) + PAGE_FRAME_BYTES)
      problems.push(`${path}: a page of ${text.length} bytes`);
    entries.push(...page.map((entry) => (typeof entry === "string" ? entry : entry.digest)));
    if (entries.length > 100_000)
      return { entries, problems: [...problems, `${first}: pages without an end`] };
    path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return { entries, problems };
}
