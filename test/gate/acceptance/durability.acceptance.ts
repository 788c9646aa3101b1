import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";

const MIB = 1024 * 1024;

describe("what a crash leaves", () => {
  let folder: string;
  let server: ServerProcess;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "slipway-durability-"));
    server = await startServerProcess(folder);
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function crash(): Promise<void> {
    await server.end("SIGKILL");
    server = await startServerProcess(folder);
  }

  async function pushBlob(bytes: Uint8Array): Promise<string> {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const url = `${server.url}/v2/team/app/blobs/uploads/?digest=${digest}`;
    expect((await fetch(url, { method: "POST", body: bytes as Uint8Array<ArrayBuffer> })).status).toBe(201);
    return digest;
  }

  it("has every blob, manifest and tag that was acknowledged right before", async () => {
    for (let round = 0; round < 5; round += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      const digest = await pushBlob(bytes);
      await crash();
      const blob = await fetch(`${server.url}/v2/team/app/blobs/${digest}`);
      expect(new Uint8Array(await blob.arrayBuffer())).toEqual(bytes);
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const config = {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest,
        size: bytes.byteLength,
      };
      const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] });
      const url = () => `${server.url}/v2/team/app/manifests/round-${round}`;
      const pushed = await fetch(url(), {
        method: "PUT",
        body: manifest,
        headers: { "content-type": mediaType },
      });
      expect(pushed.status).toBe(201);
      await crash();
      expect(await (await fetch(url())).text()).toBe(manifest);
    }
  }, 60_000);

  it("publishes nothing of an interrupted upload, and lets it be resumed", async () => {
    const bytes = Buffer.alloc(20 * MIB);
    for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const opened = await fetch(`${server.url}/v2/team/app/blobs/uploads/`, { method: "POST" });
    const location = opened.headers.get("location") ?? "";
    await breakOff(server, location, bytes, 9 * MIB);
    await crash();
    expect((await fetch(`${server.url}/v2/team/app/blobs/${digest}`)).status).toBe(404);
    const received = await storedBytes(server, location);
    expect(received).toBeGreaterThan(MIB);
    expect(received).toBeLessThanOrEqual(9 * MIB);
    const finished = await fetch(`${server.url}${location}&digest=${digest}`, {
      method: "PUT",
      body: bytes.subarray(received),
      headers: { "content-range": `${received}-${bytes.length - 1}` },
    });
    expect(finished.status).toBe(201);
    const pulled = await fetch(`${server.url}/v2/team/app/blobs/${digest}`);
    expect(Buffer.from(await pulled.arrayBuffer()).equals(bytes)).toBe(true);
  }, 60_000);

  it("exits with status 0 on SIGTERM, after running requests", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(50_000));
    const digest = await pushBlob(bytes);
    expect(await server.end("SIGTERM")).toBe(0);
    server = await startServerProcess(folder);
    expect((await fetch(`${server.url}/v2/team/app/blobs/${digest}`, { method: "HEAD" })).status).toBe(200);
  });
});

async function storedBytes(server: ServerProcess, path: string): Promise<number> {
  const status = await fetch(`${server.url}${path}`);
  expect(status.status).toBe(204);
  const last = Number(/^0-(\d+)$/.exec(status.headers.get("range") ?? "")?.[1]);
  return last === 0 ? 0 : last + 1;
}

/** Sends the first `sent` of `bytes`, and breaks the connection once some of them are stored. */
function breakOff(server: ServerProcess, path: string, bytes: Buffer, sent: number): Promise<void> {
  const [host = "", port = ""] = server.host.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => {
      socket.write(
        `PATCH ${path} HTTP/1.1\r\nHost: ${server.host}\r\nContent-Length: ${bytes.length}\r\n\r\n`,
      );
      socket.write(bytes.subarray(0, sent), () => {
        // The connection breaks in the middle of the server's work.
        eventually(async () => (await storedBytes(server, path)) > MIB)
          .then(resolve, reject)
          .finally(() => socket.destroy());
      });
    });
    socket.on("error", reject);
  });
}
