import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import type { RegistryServer } from "../support/registry-server.ts";
import { startSilentRegistry } from "../support/silent-registry.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startSilentRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

describe("requests to one upload at the same time", () => {
  it("with the same offset: one wins, the others are told the current offset", async () => {
    const location = await client.start("race");
    const bodies = Array.from({ length: 8 }, (_, i) => Buffer.alloc(50_000, i));
    const answers = await Promise.all(
      bodies.map((body) => client.call("PATCH", location, { headers: { "content-range": "0-49999" }, body })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, ...Array(7).fill(416)]);
    const winner = bodies[answers.findIndex(({ status }) => status === 202)] as Buffer;
    expect((await client.call("PUT", `${location}&digest=${digestOf(winner)}`)).status).toBe(201);
  });

  it("that finish it in the same way: all of them succeed", async () => {
    const location = await client.start("race/end");
    await client.call("PATCH", location, { body: "content" });
    const end = `${location}&digest=${digestOf("content")}`;
    const answers = await Promise.all(Array.from({ length: 6 }, () => client.call("PUT", end)));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(201));
    expect(await (await client.call("GET", `/v2/race/end/blobs/${digestOf("content")}`)).text()).toBe(
      "content",
    );
  });

  it("that cancel it while it is written to leave nothing", async () => {
    const location = await client.start("race/cancel");
    const body = Buffer.alloc(2_000_000);
    const [patched, cancelled] = await Promise.all([
      client.call("PATCH", location, { body }),
      client.call("DELETE", location),
    ]);
    expect([202, 404]).toContain(patched.status);
    expect(cancelled.status).toBe(204);
    expect(await errorCodes(await client.call("GET", location))).toEqual(["BLOB_UPLOAD_UNKNOWN"]);
  });
});
