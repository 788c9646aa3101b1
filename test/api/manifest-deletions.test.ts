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
      expect(response.headers.get("allow")).toBe("GET, HEAD, PUT, OPTIONS");
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
