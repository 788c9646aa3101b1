import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

const schema2 = (config: object, layers: readonly object[]) =>
  JSON.stringify({ schemaVersion: 2, mediaType: MediaType.dockerManifest, config, layers }, null, 3);

async function expectManifest(
  path: string,
  text: string,
  mediaType: string,
  headers: Record<string, string> = {},
) {
  const digest = digestOf(text);
  for (const method of ["GET", "HEAD"]) {
    const response = await client.call(method, path, { headers });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(mediaType);
    expect(response.headers.get("content-length")).toBe(String(Buffer.byteLength(text)));
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    expect(response.headers.get("etag")).toBe(`"${digest}"`);
    expect(await response.text()).toBe(method === "GET" ? text : "");
  }
  for (const tag of [`"${digest}"`, digest, `W/"${digest}"`, "*"]) {
    const response = await client.call("GET", path, { headers: { ...headers, "if-none-match": tag } });
    expect(response.status).toBe(304);
    expect(response.headers.get("etag")).toBe(`"${digest}"`);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
  }
}

describe("a Docker image", () => {
  const name = "foo/schema2";
  const path = `/v2/${name}/manifests/`;

  it("is pushed once its blobs are there, and served to a client without Accept", async () => {
    const blobs = ["{}", "one", "two"].map((text) => ({ text, digest: digestOf(text), size: text.length }));
    const descriptors = blobs.map(({ digest, size }) => ({ mediaType: "application/x", digest, size }));
    const [config, ...layers] = descriptors;
    const text = schema2(config as object, layers);
    const digest = digestOf(text);
    const unknown = await client.call("GET", `${path}schema2tag`);
    expect([unknown.status, await errorCodes(unknown)]).toEqual([404, ["MANIFEST_UNKNOWN"]]);
    for (let missing = 3; missing > 0; missing--) {
      const refused = await client.putManifest(name, "schema2tag", text, MediaType.dockerManifest);
      expect(refused.status).toBe(400);
      expect(await errorCodes(refused)).toEqual(Array(missing).fill("MANIFEST_BLOB_UNKNOWN"));
      await client.pushBlob(name, blobs[3 - missing]?.text as string);
    }
    const tags = await client.call("GET", `/v2/${name}/tags/list`);
    expect([tags.status, await errorCodes(tags)]).toEqual([404, ["NAME_UNKNOWN"]]);
    for (const reference of ["schema2tag", digest]) {
      const pushed = await client.putManifest(name, reference, text, MediaType.dockerManifest);
      expect(pushed.status).toBe(201);
      expect(pushed.headers.get("location")).toBe(`${path}${digest}`);
      expect(pushed.headers.get("docker-content-digest")).toBe(digest);
      expect(pushed.headers.get("content-length")).toBe("0");
    }
    await expectManifest(`${path}schema2tag`, text, MediaType.dockerManifest);
    await expectManifest(`${path}${digest}`, text, MediaType.dockerManifest);
    const listed = await client.call("GET", `/v2/${name}/tags/list`);
    expect(await listed.json()).toEqual({ name, tags: ["schema2tag"] });
  });

  it("must say its type and have a config", async () => {
    for (const body of [
      { schemaVersion: 2, layers: [] },
      { schemaVersion: 2, mediaType: MediaType.dockerManifest },
    ]) {
      const response = await client.putManifest(name, "bad", JSON.stringify(body), MediaType.dockerManifest);
      expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_INVALID"]]);
    }
  });
});

describe("a Docker list", () => {
  const name = "foo/list";
  const path = `/v2/${name}/manifests/`;

  async function pushList(architectures: readonly string[]) {
    const config = await client.pushBlob(name, "{}");
    const manifests = [];
    const texts: string[] = [];
    for (const architecture of architectures) {
      const text = schema2(config, [await client.pushBlob(name, architecture)]);
      texts.push(text);
      const { mediaType, digest, size } = await client.pushManifest(name, text);
      manifests.push({ mediaType, digest, size, platform: { os: "linux", architecture } });
    }
    const list = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.dockerList, manifests });
    const response = await client.putManifest(name, architectures.join("-"), list, MediaType.dockerList);
    expect(response.status).toBe(201);
    return { list, texts, digest: digestOf(list) };
  }

  it("names only manifests that are there", async () => {
    const entry = { mediaType: MediaType.dockerManifest, digest: digestOf("absent"), size: 6 };
    const list = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.dockerList, manifests: [entry] });
    const response = await client.putManifest(name, "absent", list, MediaType.dockerList);
    expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_BLOB_UNKNOWN"]]);
  });

  it("is served as it is, except to a client that reads schema 2 and no lists", async () => {
    const { list, texts, digest } = await pushList(["arm64", "amd64"]);
    for (const accept of [
      ` ${MediaType.dockerList} ; q=0.8 , ${MediaType.dockerManifest}`,
      MediaType.dockerList,
      "*/*",
      `${MediaType.dockerManifest}, */*;q=0.1`,
      MediaType.ociIndex,
    ]) {
      await expectManifest(`${path}arm64-amd64`, list, MediaType.dockerList, { accept });
    }
    await expectManifest(`${path}arm64-amd64`, list, MediaType.dockerList);
    const accept = MediaType.dockerManifest;
    await expectManifest(`${path}arm64-amd64`, texts[1] as string, MediaType.dockerManifest, { accept });
    await expectManifest(`${path}${digest}`, list, MediaType.dockerList, { accept });
    const response = await client.call("GET", `${path}arm64-amd64`);
    expect(response.headers.get("vary")).toBe("accept");
    const etag = response.headers.get("etag") as string;
    const unchanged = await client.call("GET", `${path}arm64-amd64`, { headers: { "if-none-match": etag } });
    // "The server generating a 304 response MUST generate" Vary as for a 200 (RFC 9110, section 15.4.5).
    expect([unchanged.status, unchanged.headers.get("vary")]).toEqual([304, "accept"]);
  });

  it("without linux/amd64 is served as it is to everybody", async () => {
    const { list } = await pushList(["s390x"]);
    await expectManifest(`${path}s390x`, list, MediaType.dockerList, { accept: MediaType.dockerManifest });
  });
});

describe("what a client accepts", () => {
  it.each([undefined, "*/*", "application/json", "text/html", `${MediaType.dockerManifest}`])(
    "does not hide what is stored: %s",
    async (accept) => {
      const text = JSON.stringify(await client.makeImage("accept"));
      await client.pushManifest("accept", text, "latest");
      await expectManifest(
        "/v2/accept/manifests/latest",
        text,
        MediaType.ociManifest,
        accept ? { accept } : {},
      );
    },
  );
});

describe("a manifest", () => {
  it("keeps the bytes it came with: spaces, order, unknown fields, escapes", async () => {
    const { config, layers } = await client.makeImage("bytes");
    const text = ` {\n\t"layers" : ${JSON.stringify(layers)},"x-unknown":{"n":12345678901234567890.10e+2,"u":"\\u00e9é"},
      "config":${JSON.stringify(config)}\r\n, "annotations":{"__proto__":"x","constructor":"y"},"mediaType":"${MediaType.ociManifest}",  "schemaVersion":2}\n\n`;
    await client.pushManifest("bytes", text, "latest");
    await expectManifest("/v2/bytes/manifests/latest", text, MediaType.ociManifest);
    await expectManifest(`/v2/bytes/manifests/${digestOf(text)}`, text, MediaType.ociManifest);
  });

  it("may leave its type to the header, or the header to its type", async () => {
    const { mediaType: _, ...untyped } = await client.makeImage("types");
    const text = JSON.stringify(untyped);
    expect((await client.putManifest("types", "header", text)).status).toBe(201);
    await expectManifest("/v2/types/manifests/header", text, MediaType.ociManifest);
    const typed = JSON.stringify({ ...untyped, mediaType: MediaType.ociManifest });
    expect((await client.putManifest("types", "json", typed, "application/json")).status).toBe(201);
    const parameters = `${MediaType.ociManifest}; charset=utf-8`;
    expect((await client.putManifest("types", "parameters", typed, parameters)).status).toBe(201);
    await expectManifest("/v2/types/manifests/parameters", typed, MediaType.ociManifest);
  });

  it("pushed again as another type is refused, and its tags keep the type they were pushed with", async () => {
    const bare = '{"schemaVersion":2}';
    const push = (tag: string, type: string) => client.putManifest("retyped", tag, bare, type);
    expect((await push("image", MediaType.ociManifest)).status).toBe(201);
    const refused = await push("index", MediaType.ociIndex);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toEqual({
      errors: [
        {
          code: "MANIFEST_INVALID",
          message: `the manifest is already stored as ${MediaType.ociManifest}`,
          detail: { digest: digestOf(bare), stored: MediaType.ociManifest, pushed: MediaType.ociIndex },
        },
      ],
    });
    await expectManifest("/v2/retyped/manifests/image", bare, MediaType.ociManifest);
    expect((await client.call("GET", "/v2/retyped/manifests/index")).status).toBe(404);
    expect((await push("again", MediaType.ociManifest)).status).toBe(201);
  });

  it.each(["sha512", "blake3"] as const)(
    "may be named by %s, and is then found by both digests",
    async (algorithm) => {
      const text = JSON.stringify(await client.makeImage(algorithm));
      const digest = digestOf(text, algorithm);
      const response = await client.putManifest(algorithm, `${digest}?tag=latest`, text);
      expect(response.status).toBe(201);
      expect(response.headers.get("docker-content-digest")).toBe(digest);
      expect(response.headers.get("location")).toBe(`/v2/${algorithm}/manifests/${digest}`);
      for (const [reference, shown] of [
        [digest, digest],
        ["latest", digest],
        [digestOf(text), digestOf(text)],
      ]) {
        const served = await client.call("GET", `/v2/${algorithm}/manifests/${reference}`);
        expect(served.headers.get("docker-content-digest")).toBe(shown as string);
        expect(await served.text()).toBe(text);
      }
    },
  );

  it("is refused under a digest that is not its own", async () => {
    const text = JSON.stringify(await client.makeImage("mismatch"));
    for (const digest of [digestOf("other"), digestOf("other", "sha512"), "sha256:abc", "sha999:abc"]) {
      const response = await client.putManifest("mismatch", digest, text);
      expect([response.status, await errorCodes(response)]).toEqual([400, ["DIGEST_INVALID"]]);
    }
    expect((await client.call("GET", "/v2/mismatch/tags/list")).status).toBe(404);
  });

  it("may be given many tags at once, which the answer names", async () => {
    const text = JSON.stringify(await client.makeImage("tags"));
    const tags = Array.from({ length: 20 }, (_, i) => `v${i}`);
    const query = tags.map((tag) => `tag=${tag}`).join("&");
    const response = await client.putManifest("tags", `${digestOf(text)}?${query}`, text);
    expect(response.status).toBe(201);
    expect(response.headers.get("oci-tag")).toBe(tags.join(", "));
    for (const tag of tags) await expectManifest(`/v2/tags/manifests/${tag}`, text, MediaType.ociManifest);
    const listed = await client.call("GET", "/v2/tags/tags/list");
    expect(await listed.json()).toEqual({ name: "tags", tags: tags.toSorted() });
  });

  it("is refused with too many tags (414) or an invalid tag, and then gets none of them", async () => {
    const text = JSON.stringify(await client.makeImage("too-many"));
    const many = Array.from({ length: 65 }, (_, i) => `tag=v${i}`).join("&");
    expect((await client.putManifest("too-many", `${digestOf(text)}?${many}`, text)).status).toBe(414);
    const bad = await client.putManifest("too-many", `${digestOf(text)}?tag=good&tag=.bad`, text);
    expect([bad.status, await errorCodes(bad)]).toEqual([400, ["MANIFEST_INVALID"]]);
    expect((await client.call("GET", "/v2/too-many/tags/list")).status).toBe(404);
  });

  it.each(["a".repeat(128), "_", "A.b-C_9"])("may be tagged %s", async (tag) => {
    const text = JSON.stringify(await client.makeImage("limits"));
    expect((await client.putManifest("limits", tag, text)).status).toBe(201);
  });

  it("of 4 MiB is taken, of one byte more is refused (413)", async () => {
    const image = await client.makeImage("size");
    const empty = JSON.stringify({ ...image, padding: "" });
    const padded = (size: number) => JSON.stringify({ ...image, padding: "x".repeat(size - empty.length) });
    const largest = 4 * 1024 * 1024;
    expect((await client.putManifest("size", "largest", padded(largest))).status).toBe(201);
    const refused = await client.putManifest("size", "larger", padded(largest + 1));
    expect([refused.status, await errorCodes(refused)]).toEqual([413, ["MANIFEST_INVALID"]]);
  });

  it("whose descriptors lie about a size is refused, and of a size beyond 2^53 too", async () => {
    const image = await client.makeImage("lies");
    const layer = image.layers[0];
    for (const size of [0, 63, 65, 2 ** 53, 1e300, -1, 1.5, "64", null]) {
      const text = JSON.stringify({ ...image, layers: [{ ...layer, size }] });
      const response = await client.putManifest("lies", "latest", text);
      expect(response.status).toBe(400);
    }
    const text = JSON.stringify({ ...image, layers: [layer] }).replace(
      '"size":64',
      '"size":9007199254740993',
    );
    expect((await client.putManifest("lies", "latest", text)).status).toBe(400);
    expect((await client.call("GET", "/v2/lies/tags/list")).status).toBe(404);
  });

  it("may embed what a descriptor describes, and nothing else", async () => {
    const image = await client.makeImage("data");
    const data = Buffer.from("{}").toString("base64");
    const put = (text: unknown) =>
      client.putManifest(
        "data",
        "latest",
        JSON.stringify({ ...image, config: { ...image.config, data: text } }),
      );
    expect((await put(data)).status).toBe(201);
    for (const lie of ["e30", "e30=\n", "e31=", Buffer.from("[]").toString("base64"), "e30=e30=", "!", 5]) {
      const response = await put(lie);
      expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_INVALID"]]);
    }
  });

  it.each([
    ["no JSON", "{"],
    ["nothing", ""],
    ["a list", "[]"],
    ["null", "null"],
    ["another schema version", '{"schemaVersion":1}'],
    ["no schema version", "{}"],
    ["layers that are none", '{"schemaVersion":2,"layers":[1]}'],
    ["a digest that is none", `{"schemaVersion":2,"layers":[{"mediaType":"x","digest":"x","size":1}]}`],
    ["a key twice", '{"schemaVersion":2,"schemaVersion":2}'],
    ["a key twice, spelt in two ways", '{"schemaVersion":2,"l\\u0061yers":[],"layers":[]}'],
    ["a field in another case, which Go would read", '{"schemaVersion":2,"Layers":[]}'],
    ["manifests in an image", '{"schemaVersion":2,"manifests":[]}'],
    ["a byte order mark", '\uFEFF{"schemaVersion":2}'],
    ["brackets without end", "[".repeat(100_000)],
    ["objects without end", '{"a":'.repeat(100_000)],
    ["a million parts", `{"schemaVersion":2,"a":[${"0,".repeat(1_000_000)}0]}`],
  ])("with %s is refused", async (_, text) => {
    const response = await client.putManifest("invalid", "latest", text);
    expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_INVALID"]]);
  });

  it("that is not UTF-8 is refused", async () => {
    const response = await client.putManifest("invalid", "latest", new Uint8Array([0x7b, 0xff, 0x7d]));
    expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_INVALID"]]);
  });

  it.each([
    "text/plain",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.oci.image.config.v1+json",
  ])("of the type %s is refused", async (contentType) => {
    const response = await client.putManifest("invalid", "latest", '{"schemaVersion":2}', contentType);
    expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_INVALID"]]);
  });

  it("whose type differs from its header is refused", async () => {
    const text = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });
    const response = await client.putManifest("invalid", "latest", text, MediaType.ociManifest);
    expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_INVALID"]]);
  });
});

describe("a deletion", () => {
  it("of a tag leaves the manifest, and of a manifest takes its tags", async () => {
    const { digest } = await client.pushImage("del", "one");
    const text = await (await client.call("GET", "/v2/del/manifests/one")).text();
    await client.pushManifest("del", text, "two");
    const deleted = await client.call("DELETE", "/v2/del/manifests/one");
    expect([deleted.status, await deleted.text()]).toEqual([202, ""]);
    expect((await client.call("GET", "/v2/del/manifests/one")).status).toBe(404);
    expect((await client.call("HEAD", `/v2/del/manifests/${digest}`)).status).toBe(200);
    const path = `/v2/del/manifests/${digest}`;
    const gone = await client.call("DELETE", path);
    expect([gone.status, gone.headers.get("content-length")]).toEqual([202, "0"]);
    for (const missing of [path, "/v2/del/manifests/two"]) {
      expect((await client.call("GET", missing)).status).toBe(404);
      const again = await client.call("DELETE", missing);
      expect([again.status, await errorCodes(again)]).toEqual([404, ["MANIFEST_UNKNOWN"]]);
    }
    const tags = await client.call("GET", "/v2/del/tags/list");
    expect([tags.status, await tags.json()]).toEqual([200, { name: "del", tags: [] }]);
    await client.pushManifest("del", text);
    expect((await client.call("GET", path)).status).toBe(200);
    await client.pushManifest("del", text, "three");
    expect((await (await client.call("GET", "/v2/del/tags/list")).json()) as object).toEqual({
      name: "del",
      tags: ["three"],
    });
  });

  it("gets 405 where the configuration forbids it, whether or not the content exists", async () => {
    await using kept = await startRegistry({ registry: { deletes: false } });
    const other = new RegistryClient(kept);
    const { digest } = await other.pushImage("kept", "latest");
    const missing = digestOf("never");
    for (const path of ["latest", digest, missing].map((reference) => `manifests/${reference}`)) {
      const response = await other.call("DELETE", `/v2/kept/${path}`);
      expect([response.status, await errorCodes(response)]).toEqual([405, ["UNSUPPORTED"]]);
      expect(response.headers.get("allow")).toBe("GET, HEAD, PUT");
    }
    expect((await other.call("DELETE", `/v2/kept/blobs/${missing}`)).status).toBe(405);
    expect((await other.call("GET", "/v2/kept/manifests/latest")).status).toBe(200);
    expect((await other.call("DELETE", await other.start("kept"))).status).toBe(204);
  });

  it("of something that never existed gets 404", async () => {
    for (const reference of ["never", digestOf("never"), digestOf("never", "sha512")]) {
      const response = await client.call("DELETE", `/v2/del/manifests/${reference}`);
      expect([response.status, await errorCodes(response)]).toEqual([404, ["MANIFEST_UNKNOWN"]]);
    }
  });

  it("of an index leaves its manifests; pushed again, a tag moves", async () => {
    const child = await client.pushImage("del/index", "child");
    const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [child] };
    const { digest } = await client.pushManifest("del/index", index, "latest");
    await client.call("DELETE", `/v2/del/index/manifests/${digest}`);
    expect((await client.call("GET", `/v2/del/index/manifests/${child.digest}`)).status).toBe(200);
    const moved = await client.pushImage("del/index", "child");
    const served = await client.call("HEAD", "/v2/del/index/manifests/child");
    expect(served.headers.get("docker-content-digest")).toBe(moved.digest);
  });
});
