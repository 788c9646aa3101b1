import { afterAll, beforeAll, expect, it } from "bun:test";
import { once } from "node:events";
import { openConnection } from "../../support/raw-http.ts";
import { RegistryClient } from "../../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../../support/registry-server.ts";
import { SlowReader } from "../../support/slow-reader.ts";

// With the default settings, because these decide what clients and load balancers meet.

const SIZE = 50_000_000;
const PAUSE_MS = 75_000;
/** Longer than load balancers keep connections, and shorter than `http.idleTimeoutSeconds`. */
const IDLE_MS = 95_000;

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

it.concurrent("a reader that pauses 75 seconds in 50 MB gets it whole", async () => {
  const { digest } = await client.pushBlob("lib/slow", Buffer.alloc(SIZE, "content "));
  const reader = await SlowReader.open(server.url, `/v2/lib/slow/blobs/${digest}`);
  await Bun.sleep(PAUSE_MS);
  reader.resume();
  while (reader.received < SIZE) await Bun.sleep(10);
  reader.end();
});

it.concurrent("a client that pauses 75 seconds in a PATCH can finish it", async () => {
  const location = await client.start("lib/slow");
  const socket = await openConnection(server.url);
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst`);
  await Bun.sleep(PAUSE_MS);
  socket.write("-last");
  const [answer] = await once(socket, "data");
  expect(String(answer)).toStartWith("HTTP/1.1 202");
  socket.destroy();
});

it.concurrent("a connection that was idle for 95 seconds takes the next request", async () => {
  const socket = await openConnection(server.url);
  for (let i = 0; i < 2; i++) {
    if (i > 0) await Bun.sleep(IDLE_MS);
    socket.write("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const [answer] = await once(socket, "data");
    expect(String(answer)).toStartWith("HTTP/1.1 200");
  }
  socket.destroy();
});
