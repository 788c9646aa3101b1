import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { blobKey } from "../../src/content/blob-paths.ts";
import { createLogger } from "../../src/log.ts";
import { eventually } from "../support/eventually.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";
import { SlowReader } from "../support/slow-reader.ts";

/** More than the system buffers for a client that does not read. */
const SIZE = 32 << 20;
let server: RegistryServer;
let client: RegistryClient;
let content = 0;
beforeAll(async () => {
  server = await startRegistry({ log: createLogger("silent"), http: { idleTimeoutSeconds: 255 } });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

async function pushLarge(): Promise<{ readonly path: string; readonly file: string }> {
  content += 1;
  const { digest } = await client.pushBlob("shortened", Buffer.alloc(SIZE, content));
  const file = join(server.data, "content", blobKey(digest));
  return { path: `/v2/shortened/blobs/${digest}`, file };
}

describe("a file that is shortened while it is sent", () => {
  it.each([
    ["whole", ""],
    ["in a range", "Range: bytes=1000-\r\n"],
    ["in several ranges", "Range: bytes=0-9999999,20000000-\r\n"],
  ])("%s: the connection is broken, and no other", async (_how, headers) => {
    const [damaged, sound] = [await pushLarge(), await pushLarge()];
    const reader = await SlowReader.open(server.url, damaged.path, headers);
    const other = await SlowReader.open(server.url, sound.path);
    await truncate(damaged.file, 1 << 20);
    reader.resume();
    // Without the fix, the connection would stay open until the idle time-out, which is longer than this test may take.
    await reader.closed;
    expect(reader.received).toBeLessThan(SIZE);
    other.resume();
    await eventually(() => other.received >= SIZE);
    other.end();
  });
});
