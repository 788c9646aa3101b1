import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { sendRaw } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

const UNKNOWN = `sha256:${"0".repeat(64)}`;

let server: RegistryServer;
let client: RegistryClient;
let manifest: string;
let blob: string;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
  manifest = (await client.pushImage("lib/demo", "latest")).digest;
  blob = (await client.pushBlob("lib/demo", "content")).digest;
});
afterAll(() => server[Symbol.asyncDispose]());

/** A description, the expected status, the path and the headers of each request. */
const CASES: readonly (readonly [string, number, () => string, Readonly<Record<string, string>>?])[] = [
  ["the API", 200, () => "/v2/"],
  ["tags", 200, () => "/v2/lib/demo/tags/list"],
  ["a tag", 200, () => "/v2/lib/demo/manifests/latest"],
  ["a manifest", 200, () => `/v2/lib/demo/manifests/${manifest}`],
  ["a blob", 200, () => `/v2/lib/demo/blobs/${blob}`],
  ["a blob that is not there", 404, () => `/v2/lib/demo/blobs/${UNKNOWN}`],
  ["a manifest that is not there", 404, () => `/v2/lib/demo/manifests/${UNKNOWN}`],
  ["a repository that is not there", 404, () => "/v2/lib/none/tags/list"],
  ["an upload that is not there", 404, () => "/v2/lib/demo/blobs/uploads/none"],
  ["no endpoint", 404, () => "/v2/lib"],
  ["an invalid name", 400, () => "/v2/LIB/tags/list"],
  ["an invalid digest, named in letters of two bytes", 400, () => "/v2/lib/demo/blobs/sha256:%C3%A9"],
  ["a page of no size", 400, () => "/v2/_catalog?n=x"],
  ["a method that is not allowed", 405, () => "/v2/lib/demo/blobs/uploads/"],
];

// RFC 9110, section 8.6: the length in an answer to HEAD must be that of the answer to GET.
describe("HEAD is answered as GET is, without the body, for", () => {
  it.each(CASES)("%s (%d)", async (_what, status, path, headers = {}) => {
    const got = await client.call("GET", path(), { headers });
    const { byteLength } = await got.bytes();
    const head = await client.call("HEAD", path(), { headers });
    expect([got.status, head.status]).toEqual([status, status]);
    expect(byteLength).toBeGreaterThan(0);
    expect((await head.bytes()).byteLength).toBe(0);
    expect(head.headers.get("content-length")).toBe(String(byteLength));
    for (const name of ["content-type", "content-range", "allow", "docker-content-digest", "etag"]) {
      expect([name, head.headers.get(name)]).toEqual([name, got.headers.get(name)]);
    }
  });

  it("a connection that goes on after an error", async () => {
    const requests = [`/v2/lib/demo/blobs/${UNKNOWN}`, "/v2/lib", "/v2/"].map(
      (path) => `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    const { text, statuses } = await sendRaw(server.url, requests, { responses: 3 });
    expect(statuses).toEqual([404, 404, 200]);
    expect(text).not.toContain("{");
  });
});
