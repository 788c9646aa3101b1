import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { expectManifest } from "../support/expect-manifest.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

describe("what a client accepts", () => {
  it.each([undefined, "*/*", "application/json", "text/html", `${MediaType.dockerManifest}`])(
    "does not hide what is stored: %s",
    async (accept) => {
      const text = JSON.stringify(await client.makeImage("accept"));
      await client.pushManifest("accept", text, "latest");
      await expectManifest(
        client,
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
    await expectManifest(client, "/v2/bytes/manifests/latest", text, MediaType.ociManifest);
    await expectManifest(client, `/v2/bytes/manifests/${digestOf(text)}`, text, MediaType.ociManifest);
  });

  it("may leave its type to the header, or the header to its type", async () => {
    const { mediaType: _, ...untyped } = await client.makeImage("types");
    const text = JSON.stringify(untyped);
    expect((await client.putManifest("types", "header", text)).status).toBe(201);
    await expectManifest(client, "/v2/types/manifests/header", text, MediaType.ociManifest);
    const typed = JSON.stringify({ ...untyped, mediaType: MediaType.ociManifest });
    expect((await client.putManifest("types", "json", typed, "application/json")).status).toBe(201);
    const parameters = `${MediaType.ociManifest}; charset=utf-8`;
    expect((await client.putManifest("types", "parameters", typed, parameters)).status).toBe(201);
    await expectManifest(client, "/v2/types/manifests/parameters", typed, MediaType.ociManifest);
  });

  it("pushed again as another type is refused, and its tags keep the type they were pushed with", async () => {
    const { mediaType: _, ...image } = await client.makeImage("retyped");
    const index = { schemaVersion: 2, manifests: [] };
    const bare = { schemaVersion: 2 };
    const types = [MediaType.ociManifest, MediaType.ociIndex, MediaType.dockerManifest, MediaType.dockerList];
    for (const [tag, manifest, own] of [
      ["image", image, MediaType.ociManifest],
      ["index", index, MediaType.ociIndex],
      ["bare", bare, MediaType.ociIndex],
    ] as const) {
      const text = JSON.stringify(manifest);
      const push = (type: string) => client.putManifest("retyped", tag, text, type);
      expect((await push(own)).status).toBe(201);
      for (const type of types.filter((each) => each !== own)) {
        const refused = await push(type);
        expect([refused.status, await errorCodes(refused)]).toEqual([400, ["MANIFEST_INVALID"]]);
      }
      await expectManifest(client, `/v2/retyped/manifests/${tag}`, text, own);
      expect((await push(own)).status).toBe(201);
    }
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
    for (const tag of tags)
      await expectManifest(client, `/v2/tags/manifests/${tag}`, text, MediaType.ociManifest);
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
