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

const schema2 = (config: object, layers: readonly object[]) =>
  JSON.stringify({ schemaVersion: 2, mediaType: MediaType.dockerManifest, config, layers }, null, 3);

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
    await expectManifest(client, `${path}schema2tag`, text, MediaType.dockerManifest);
    await expectManifest(client, `${path}${digest}`, text, MediaType.dockerManifest);
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
      await expectManifest(client, `${path}arm64-amd64`, list, MediaType.dockerList, { accept });
    }
    await expectManifest(client, `${path}arm64-amd64`, list, MediaType.dockerList);
    const accept = MediaType.dockerManifest;
    await expectManifest(client, `${path}arm64-amd64`, texts[1] as string, MediaType.dockerManifest, {
      accept,
    });
    await expectManifest(client, `${path}${digest}`, list, MediaType.dockerList, { accept });
    const response = await client.call("GET", `${path}arm64-amd64`);
    expect(response.headers.get("vary")).toBe("accept");
    const etag = response.headers.get("etag") as string;
    const unchanged = await client.call("GET", `${path}arm64-amd64`, { headers: { "if-none-match": etag } });
    // "The server generating a 304 response MUST generate" Vary as for a 200 (RFC 9110, section 15.4.5).
    expect([unchanged.status, unchanged.headers.get("vary")]).toEqual([304, "accept"]);
  });

  it("without linux/amd64 is served as it is to everybody", async () => {
    const { list } = await pushList(["s390x"]);
    await expectManifest(client, `${path}s390x`, list, MediaType.dockerList, {
      accept: MediaType.dockerManifest,
    });
  });
});
