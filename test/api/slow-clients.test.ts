import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { once } from "node:events";
import { eventually } from "../support/eventually.ts";
import { openConnection } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";
import { SlowReader } from "../support/slow-reader.ts";

// A safety net for a busy machine: these tests wait for connections that the server closes.
setDefaultTimeout(120_000);

/** More than the system buffers for a client that does not read. */
const LARGE = 50 << 20;
/**
 * Bun looks for silent connections every four seconds, so with 12 seconds none is closed before 8 have passed. By then a
 * file that is sent has been checked for the first time, which allows its reader longer pauses.
 */
const SHORT = { idleTimeoutSeconds: 12, transferTimeoutSeconds: 255 };

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry({ http: SHORT });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Opens a connection, sends `text`, and resolves once the server has closed it. */
async function closedAfter(text: string): Promise<void> {
  const socket = await openConnection(server.url);
  socket.write(text);
  socket.resume();
  await once(socket, "close");
}

it.concurrent("a connection is closed when it is idle between two requests", async () => {
  await closedAfter("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
});

it.concurrent("a connection is closed when its first request does not come to an end", async () => {
  await closedAfter("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
});

it.concurrent("a reader that pauses, longer than a connection may be idle, gets a file whole", async () => {
  const content = Buffer.alloc(LARGE, "content of a file ");
  const { digest } = await client.pushBlob("lib/slow", content);
  const reader = await SlowReader.open(server.url, `/v2/lib/slow/blobs/${digest}`);
  // Two idle connections, one opened after the other, live longer than one may be idle.
  for (let i = 0; i < 2; i++) await closedAfter("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  reader.resume();
  await eventually(() => reader.received > LARGE);
  reader.end();
});

it.concurrent("a client that pauses an upload, longer than a connection may be idle, can finish it", async () => {
  const location = await client.start("lib/slow");
  const socket = await openConnection(server.url);
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst`);
  for (let i = 0; i < 2; i++) await closedAfter("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
  socket.write("-last");
  const [answer] = await once(socket, "data");
  expect(String(answer)).toStartWith("HTTP/1.1 202");
  socket.destroy();
});
