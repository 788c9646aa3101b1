import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { truncate } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { blobKey } from "../../src/content/blob-paths.ts";
import { createLogger } from "../../src/log.ts";
import { eventually } from "../support/eventually.ts";
import { openConnection } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

/** More than the system takes for a client that does not read. */
const SIZE = 32 << 20;
let server: RegistryServer;
let client: RegistryClient;
let content = 0;
beforeAll(async () => {
  server = await startRegistry({ log: createLogger("silent"), http: { idleTimeoutSeconds: 255 } });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** A client that reads the head of an answer, and the rest once it is told to. */
class SlowReader {
  readonly #socket: Socket;
  readonly closed: Promise<void>;
  received = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  static async open(path: string, headers = ""): Promise<SlowReader> {
    const socket = await openConnection(server.url);
    const reader = new SlowReader(socket);
    const first = new Promise<void>((resolve) => {
      socket.on("data", (chunk: Buffer) => {
        if (reader.received === 0) socket.pause();
        reader.received += chunk.byteLength;
        resolve();
      });
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: registry\r\n${headers}\r\n`);
    await first;
    return reader;
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.destroy();
  }
}

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
    const reader = await SlowReader.open(damaged.path, headers);
    const other = await SlowReader.open(sound.path);
    await truncate(damaged.file, 1 << 20);
    reader.resume();
    // Otherwise it would stay open until the time-out of idle connections, which is longer than this test may take.
    await reader.closed;
    expect(reader.received).toBeLessThan(SIZE);
    other.resume();
    await eventually(() => other.received >= SIZE);
    other.end();
  });
});
