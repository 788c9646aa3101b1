import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { MediaType } from "../../../src/oci/media-types.ts";
import { openConnection } from "../../support/raw-http.ts";
import { RegistryClient } from "../../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../../support/registry-server.ts";

const CLIENTS = 60;
const KIB = 1024;
const MIB = 1024 * KIB;

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Clients that push a manifest of 3 MB. They send part of it, then a byte now and then. Refused clients try again. */
class SlowClients implements Disposable {
  readonly #sockets = new Set<Socket>();
  readonly #timer: ReturnType<typeof setInterval>;
  #isOver = false;
  /** The status lines of the answers so far. */
  readonly answers: string[] = [];

  private constructor(drip: string) {
    this.#timer = setInterval(() => {
      for (const socket of this.#sockets) socket.write(drip);
    }, 200);
  }

  static async begin(framing: string, sent: string, drip: string): Promise<SlowClients> {
    const clients = new SlowClients(drip);
    const request = `PUT /v2/slow/manifests/latest HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n${sent}`;
    for (let i = 0; i < CLIENTS; i += 1) await clients.#open(request);
    // With this many pushes at once, all are refused for a moment, whatever they send.
    await Bun.sleep(1_000);
    return clients;
  }

  async #open(request: string): Promise<void> {
    const socket = await openConnection(server.url);
    socket.once("data", (data) => this.answers.push(data.toString("latin1").split("\r\n")[0] as string));
    socket.once("close", () => {
      this.#sockets.delete(socket);
      setTimeout(() => void (this.#isOver || this.#open(request)), 1_000);
    });
    socket.write(request);
    this.#sockets.add(socket);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** An index of exactly `bytes` bytes. */
function indexOf(bytes: number, tag: string): string {
  const annotations = { tag, filler: "" };
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [], annotations };
  annotations.filler = "x".repeat(bytes - JSON.stringify(index).length);
  return JSON.stringify(index);
}

/** Pushes a manifest of `bytes` bytes, and tries again after 429, as clients do. Resolves to the number of refusals. */
async function pushPatiently(bytes: number, tag: string, giveUpAfterMs: number): Promise<number> {
  const text = indexOf(bytes, tag);
  const giveUpAt = Date.now() + giveUpAfterMs;
  for (let refused = 0; ; refused += 1) {
    const signal = AbortSignal.timeout(Math.max(1, giveUpAt - Date.now()));
    const headers = { "content-type": MediaType.ociIndex };
    const path = `/v2/honest/manifests/${tag}`;
    const { status } = await client.call("PUT", path, { headers, body: text, signal });
    if (status === 201) return refused;
    expect(status).toBe(429);
    await Bun.sleep(100);
  }
}

const SIZE = "Content-Length: 3000000";
const CHUNKED = "Transfer-Encoding: chunked";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe("clients that send a large manifest slowly", () => {
  it.each([
    ["of a stated length", SIZE, "{", " "],
    ["in chunks", CHUNKED, chunk("{"), chunk(" ")],
  ])("from the first byte on, %s, keep no manifest out", async (_, framing, sent, drip) => {
    using _slow = await SlowClients.begin(framing, sent, drip);
    let refused = 0;
    for (let i = 0; i < 10; i += 1) refused += await pushPatiently(100 * KIB, `first-${i}`, 5_000);
    refused += await pushPatiently(4 * MIB, "large", 5_000);
    expect(refused).toBeLessThan(5);
  });

  it.each([
    ["of a stated length", SIZE, " ".repeat(1_000_000), ""],
    ["in chunks", CHUNKED, chunk(" ".repeat(100_000)), chunk(" ")],
  ])(
    "after they began fast, %s, lose their place to others",
    async (_, framing, sent, drip) => {
      using slow = await SlowClients.begin(framing, sent, drip);
      const other = client.pushBlob("honest", randomBytes(1_000_000));
      await Promise.race([
        other,
        Bun.sleep(5_000).then(() => Promise.reject(new Error("no blob can be pushed"))),
      ]);
      await pushPatiently(100 * KIB, "later", 25_000);
      await pushPatiently(4 * MIB, "largest", 25_000);
      expect(slow.answers.length).toBeGreaterThan(10);
      expect(new Set(slow.answers)).toEqual(new Set(["HTTP/1.1 429 Too Many Requests"]));
    },
    60_000,
  );

  it("are served while nobody waits: 100 KB a second is enough", async () => {
    const socket = await openConnection(server.url);
    const text = indexOf(300_000, "slow");
    const answered = new Promise<string>((resolve) =>
      socket.once("data", (data) => resolve(data.toString("latin1").split("\r\n")[0] as string)),
    );
    const head = `Host: localhost\r\nContent-Type: ${MediaType.ociIndex}\r\nContent-Length: ${text.length}`;
    socket.write(`PUT /v2/slow/manifests/latest HTTP/1.1\r\n${head}\r\n\r\n`);
    for (let at = 0; at < text.length; at += 20_000) {
      socket.write(text.slice(at, at + 20_000));
      await Bun.sleep(200);
    }
    expect(await answered).toBe("HTTP/1.1 201 Created");
    socket.destroy();
  });
});
