import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, readlink } from "node:fs/promises";
import type { Socket } from "node:net";
import { digestOf } from "../../../src/oci/digest.ts";
import { openConnection } from "../../support/raw-http.ts";
import { RegistryClient } from "../../support/registry-client.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { peakMemoryBytes } from "../peak-memory.ts";

const HOST = "Host: localhost\r\n";
const MEBIBYTE = 1024 * 1024;

let folder: TemporaryFolder;
let server: ServerProcess;
let client: RegistryClient;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await temporaryFolder("load");
  server = await startServerProcess(folder.path, { SLIPWAY_BUILDER_ENABLED: "false" });
  client = new RegistryClient(server);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await using _folder = folder;
  await using _server = server;
  expect(peakMemoryBytes(server.pid)).toBeLessThan(256 * MEBIBYTE);
  const started = performance.now();
  expect((await client.call("GET", "/v2/")).status).toBe(200);
  expect(performance.now() - started).toBeLessThan(2000);
  expect(server.output().includes('"level":50')).toBe(false);
});

/** Opens connections. Each sends the same bytes and then nothing more. */
async function stall(count: number, request: string, reads = true): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = await openConnection(server.url);
    if (!reads) socket.pause();
    socket.write(request);
    sockets.push(socket);
  }
}

/** Resolves once `isSo` is true; rejects if that takes too long. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error("waited in vain");
    await Bun.sleep(20);
  }
}

async function expectPrompt(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    expect((await client.call("GET", "/v2/_catalog")).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(2000);
  }
}

// Whatever some clients do, memory must stay bounded and all others must get prompt answers.
describe("the server stays prompt and small beside", () => {
  it("thousands of idle connections, and of requests that never end", async () => {
    await stall(1500, "");
    await stall(1000, `GET /v2/ HTTP/1.1\r\n${HOST}X: ${"a".repeat(8000)}`);
    await expectPrompt();
  });

  it("clients that hardly read: whole blobs, one range, several ranges", async () => {
    const { digest } = await client.pushBlob("slow/readers", randomBytes(32 * MEBIBYTE));
    const get = `GET /v2/slow/readers/blobs/${digest} HTTP/1.1\r\n${HOST}`;
    await stall(50, `${get}\r\n`, false);
    await stall(50, `${get}Range: bytes=1000-\r\n\r\n`, false);
    await stall(100, `${get}Range: bytes=0-14999999,15000000-\r\n\r\n`, false);
    await Bun.sleep(500);
    await expectPrompt();
  });

  it("clients that leave while several ranges are sent: no file stays open", async () => {
    const { digest } = await client.pushBlob("early/leavers", randomBytes(32 * MEBIBYTE));
    const openFiles = async () => {
      const names = await readdir(`/proc/${server.pid}/fd`);
      const targets = await Promise.all(
        names.map((name) => readlink(`/proc/${server.pid}/fd/${name}`).catch(() => "")),
      );
      return targets.filter((target) => target.includes(digest.slice("sha256:".length))).length;
    };
    const range = "Range: bytes=0-14999999,15000000-";
    await stall(20, `GET /v2/early/leavers/blobs/${digest} HTTP/1.1\r\n${HOST}${range}\r\n\r\n`, false);
    await until(async () => (await openFiles()) === 20);
    for (const socket of sockets.splice(0)) socket.destroy();
    await until(async () => (await openFiles()) === 0);
  });

  it("clients that pipeline requests and read nothing", async () => {
    const { digest } = await client.pushBlob("slow/pipelines", randomBytes(60_000));
    const request = `GET /v2/slow/pipelines/blobs/${digest} HTTP/1.1\r\n${HOST}\r\n`;
    await stall(20, request.repeat(200), false);
    await Bun.sleep(500);
    await expectPrompt();
  });

  it("clients that hardly write: uploads and manifests", async () => {
    for (let i = 0; i < 100; i++) {
      const location = await client.start("slow/writers");
      await stall(
        1,
        `PATCH ${location} HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n${"x".repeat(1000)}`,
      );
    }
    const head = `PUT /v2/slow/writers/manifests/latest HTTP/1.1\r\n${HOST}Content-Length: 4000000\r\n\r\n`;
    await stall(100, `${head}${" ".repeat(50_000)}`);
    await expectPrompt();
  });

  it("many large manifests at once", async () => {
    const { digest, size } = await client.pushBlob("large/manifests", "{}");
    const layer = { mediaType: "application/octet-stream", digest, size };
    const text = JSON.stringify({ schemaVersion: 2, layers: Array(28_000).fill(layer), pad: "" });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        client.putManifest("large/manifests", `v${i}`, text.replace('"pad":""', `"pad":"${i}"`)),
      ),
    );
    const turnedAway = answers.filter(({ status }) => status === 429);
    for (const { headers } of turnedAway) expect(headers.get("retry-after")).toBe("5");
    const taken = answers.filter(({ status }) => status === 201);
    // Two are received at a time. Others wait until they have 32 MiB together.
    expect(taken.length).toBeGreaterThanOrEqual(8);
    expect(taken.length + turnedAway.length).toBe(40);
  });

  it("a manifest that names tens of thousands of missing blobs", async () => {
    const layers = Array.from({ length: 25_000 }, (_, i) => ({
      mediaType: "x/y",
      digest: digestOf(`${i}`),
      size: 1,
    }));
    const started = performance.now();
    const response = await client.putManifest(
      "missing",
      "latest",
      JSON.stringify({ schemaVersion: 2, layers }),
    );
    expect(response.status).toBe(400);
    expect(((await response.json()) as { errors: object[] }).errors).toHaveLength(100);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
