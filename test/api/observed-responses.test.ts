import { afterAll, beforeAll, expect, it } from "bun:test";
import pino from "pino";
import { eventually } from "../support/eventually.ts";
import { sendRaw } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";
import { SlowReader } from "../support/slow-reader.ts";

/** More than the system buffers for a client that does not read. */
const LARGE = 32 << 20;
const ended: Record<string, unknown>[] = [];
let server: RegistryServer;
let client: RegistryClient;

beforeAll(async () => {
  const write = (line: string) => {
    const record = JSON.parse(line);
    if (record.msg === "response ended") ended.push(record);
  };
  server = await startRegistry({
    log: pino({ level: "debug" }, { write }),
    http: { idleTimeoutSeconds: 255 },
  });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** The logged responses to `path`, once there are `count` of them. */
async function observed(path: string, count = 1): Promise<readonly Record<string, unknown>[]> {
  const ofPath = () => ended.filter((response) => response.path === path);
  await eventually(() => ofPath().length >= count);
  return ofPath();
}

it("sees the status and the bytes of answers from memory", async () => {
  const response = await client.call("GET", "/v2/_catalog");
  const sentBytes = (await response.arrayBuffer()).byteLength;
  expect(await observed("/v2/_catalog")).toMatchObject([
    { method: "GET", status: 200, sentBytes, isComplete: true, durationMs: expect.any(Number) },
  ]);
});

it("sees errors, and paths that no route has", async () => {
  const response = await client.call("GET", "/v2/absent/tags/list");
  const sentBytes = (await response.arrayBuffer()).byteLength;
  expect(await observed("/v2/absent/tags/list")).toMatchObject([
    { status: 404, sentBytes, isComplete: true },
  ]);
  await sendRaw(server.url, ["GET /v2//tags/list HTTP/1.1\r\nHost: localhost\r\n\r\n"]);
  expect(await observed("/v2//tags/list")).toMatchObject([{ status: 400, isComplete: true }]);
});

it("sees files, small and large, and counts no byte for HEAD", async () => {
  for (const size of [1000, LARGE]) {
    const { digest } = await client.pushBlob("files", Buffer.alloc(size, 1));
    const path = `/v2/files/blobs/${digest}`;
    await client.call("HEAD", path);
    await (await client.call("GET", path)).arrayBuffer();
    expect(await observed(path, 2)).toMatchObject([
      { method: "HEAD", status: 200, sentBytes: 0, isComplete: true },
      { method: "GET", status: 200, sentBytes: size, isComplete: true },
    ]);
  }
});

it("counts the bytes of a stream", async () => {
  const { digest } = await client.pushBlob("streams", Buffer.alloc(LARGE, 2));
  const path = `/v2/streams/blobs/${digest}`;
  const response = await client.call("GET", path, { headers: { range: "bytes=0-999,5000-999999" } });
  const sentBytes = (await response.arrayBuffer()).byteLength;
  expect(await observed(path)).toMatchObject([{ status: 206, sentBytes, isComplete: true }]);
});

it("sees that a client goes away in the middle of a file or of a stream", async () => {
  const { digest } = await client.pushBlob("broken", Buffer.alloc(LARGE, 3));
  const path = `/v2/broken/blobs/${digest}`;
  const reader = await SlowReader.open(server.url, path);
  reader.end();
  const [file] = await observed(path);
  expect(file).toMatchObject({ status: 200, isComplete: false });
  expect(file).not.toContainKey("sentBytes");
  const other = await SlowReader.open(server.url, path, `Range: bytes=0-999,5000-${LARGE - 1}\r\n`);
  other.end();
  const [, stream] = await observed(path, 2);
  expect(stream).toMatchObject({ status: 206, isComplete: false });
  expect(stream?.sentBytes).toBeLessThan(LARGE);
});
