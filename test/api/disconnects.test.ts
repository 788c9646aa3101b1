import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { digestOf } from "../../src/oci/digest.ts";
import { eventually } from "../support/eventually.ts";
import { openConnection } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import type { RegistryServer } from "../support/registry-server.ts";
import { startSilentRegistry } from "../support/silent-registry.ts";
import { openContentFiles, untilNothingIsUnderWay, uploadFolders } from "../support/unfinished-work.ts";

const HOST = "Host: localhost\r\n";
const digest = `sha256:${"0".repeat(64)}`;

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startSilentRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

describe("a client that goes away", () => {
  const MIB = 1 << 20;

  async function storedBytes(location: string): Promise<number> {
    const range = (await client.call("GET", location)).headers.get("range") ?? "";
    return range === "0-0" ? 0 : Number(range.slice("0-".length)) + 1;
  }

  /**
   * Sends 5 MiB of an upload from `start` on, and disconnects once the server reports that some of it is stored.
   * Resolves to the reported size.
   */
  async function sendAndLeave(location: string, content: Uint8Array, start: number): Promise<number> {
    const socket = await openConnection(server.url);
    const range = `Content-Range: ${start}-${content.length - 1}\r\nContent-Length: ${content.length - start}`;
    socket.write(`PATCH ${location} HTTP/1.1\r\n${HOST}${range}\r\n\r\n`);
    socket.write(content.subarray(start, start + 5 * MIB));
    let told = start;
    await eventually(async () => {
      told = await storedBytes(location);
      return told > start;
    });
    socket.destroy();
    return told;
  }

  it("in the middle of an upload leaves what arrived, and can go on", async () => {
    const content = randomBytes(16 * MIB);
    const location = await client.start("gone/upload");
    const known = await uploadFolders(server);
    let start = 0;
    for (let round = 0; round < 2; round += 1) {
      const told = await sendAndLeave(location, content, start);
      await untilNothingIsUnderWay(server, known);
      const kept = await storedBytes(location);
      expect(kept).toBeGreaterThanOrEqual(told);
      expect(kept).toBeLessThanOrEqual(start + 5 * MIB);
      start = kept;
    }
    const headers = { "content-range": `${start}-${content.length - 1}` };
    await client.call("PATCH", location, { headers, body: content.subarray(start) });
    expect((await client.call("PUT", `${location}&digest=${digestOf(content)}`)).status).toBe(201);
  });

  it("in the middle of a manifest, a single POST or a download leaves no file and none open", async () => {
    const { digest: blob } = await client.pushBlob("gone/blob", randomBytes(32 * MIB));
    const known = await uploadFolders(server);
    const sockets = [];
    for (const request of [
      `PUT /v2/gone/manifests/latest HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\n{"schema`,
      `POST /v2/gone/blobs/uploads/?digest=${digest} HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\nabc`,
      `GET /v2/gone/blob/blobs/${blob} HTTP/1.1\r\n${HOST}\r\n`,
      `GET /v2/gone/blob/blobs/${blob} HTTP/1.1\r\n${HOST}Range: bytes=0-20000000,21000000-\r\n\r\n`,
    ]) {
      const socket = await openConnection(server.url);
      // The system's buffers are smaller than the download.
      socket.pause();
      socket.write(request);
      sockets.push(socket);
    }
    await eventually(async () => {
      const [uploads, files] = await Promise.all([uploadFolders(server), openContentFiles(server)]);
      return (
        uploads.length > known.length &&
        files.filter((file) => file.includes(blob.slice("sha256:".length))).length === 2
      );
    });
    for (const socket of sockets) socket.destroy();
    await untilNothingIsUnderWay(server, known);
    expect((await client.call("GET", "/v2/gone/manifests/latest")).status).toBe(404);
  });
});
