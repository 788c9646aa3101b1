import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
  await client.pushImage("here", "latest");
});
afterAll(() => server[Symbol.asyncDispose]());

describe.each([
  ".INVALID_MANIFEST_NAME",
  "-dash",
  "a".repeat(129),
  "a+b",
  "latest ",
  "sp ace",
  "\u2603",
  "latest\0",
])("a reference that can be no tag, such as %j", (tag) => {
  const path = (name: string) => `/v2/${name}/manifests/${encodeURIComponent(tag)}`;

  it.each(["here", "nowhere"])("is absent to a reader of the repository `%s`", async (name) => {
    const got = await client.call("GET", path(name));
    const error = { code: "MANIFEST_UNKNOWN", message: "manifest unknown", detail: { tag } };
    expect([got.status, await got.json()]).toEqual([404, { errors: [error] }]);
    expect(got.headers.get("content-type")).toBe("application/json");
    const head = await client.call("HEAD", path(name));
    expect([head.status, await head.text()]).toEqual([404, ""]);
  });

  it("is a client error when storing or deleting by it", async () => {
    const manifest = JSON.stringify(await client.makeImage("here"));
    for (const [method, body] of [["PUT", manifest], ["DELETE"]] as const) {
      const refused = await client.call(method, path("here"), body === undefined ? {} : { body });
      expect([refused.status, await errorCodes(refused)]).toEqual([400, ["MANIFEST_INVALID"]]);
    }
    const listed = await client.call("GET", "/v2/here/tags/list");
    expect(await listed.json()).toEqual({ name: "here", tags: ["latest"] });
  });
});

describe("a reference with a colon that is not a digest", () => {
  it.each(["sha256:totallywrong", "a:b", ":", `sha1:${"0".repeat(40)}`])("is refused: %s", async (digest) => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const options = method === "PUT" ? { body: "{}" } : {};
      const response = await client.call(method, `/v2/here/manifests/${digest}`, options);
      expect([response.status, await errorCodes(response)]).toEqual([400, ["DIGEST_INVALID"]]);
    }
    expect((await client.call("HEAD", `/v2/here/manifests/${digest}`)).status).toBe(400);
  });
});

it("a reference that is not UTF-8 is a client error for every method", async () => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    const response = await client.call(method, "/v2/here/manifests/%E0%A4%A");
    expect([response.status, await errorCodes(response)]).toEqual([400, ["UNSUPPORTED"]]);
  }
});
