import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { installed } from "../support/command.ts";
import { createDebianRepository } from "../support/debian-repository.ts";
import { openConnection } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { describeWith } from "../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { untilUploadIsHeld } from "../support/upload-lock.ts";

const MEBIBYTE = 1024 * 1024;
const VARIABLES = { SLIPWAY_BUILDER_ENABLED: "false" };

let folder: TemporaryFolder;
let servers: readonly [ServerProcess, ServerProcess];
let one: RegistryClient;
let other: RegistryClient;

beforeAll(async () => {
  folder = await temporaryFolder("two-servers");
  // Start both at the same moment on an empty folder: one migrates, the other waits.
  const start = () => startServerProcess(folder.path, VARIABLES);
  servers = await Promise.all([start(), start()]);
  [one, other] = [new RegistryClient(servers[0]), new RegistryClient(servers[1])];
});
afterAll(async () => {
  await using _folder = folder;
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  for (const server of servers) expect(server.output()).not.toContain('"level":50');
});

function patch(client: RegistryClient, location: string, start: number, body: Uint8Array) {
  const headers = { "content-range": `${start}-${start + body.byteLength - 1}` };
  return client.call("PATCH", location, { headers, body });
}

describe("two servers on one data folder", () => {
  it("continue each other's uploads", async () => {
    const content = randomBytes(8 * MEBIBYTE);
    const location = await one.start("two/turns");
    for (let i = 0; i < 8; i++) {
      const start = i * MEBIBYTE;
      const client = i % 2 === 0 ? one : other;
      expect((await patch(client, location, start, content.subarray(start, start + MEBIBYTE))).status).toBe(
        202,
      );
    }
    const digest = digestOf(content);
    expect((await other.call("PUT", `${location}&digest=${digest}`)).status).toBe(201);
    const stored = await (await one.call("GET", `/v2/two/turns/blobs/${digest}`)).bytes();
    expect(digestOf(stored)).toBe(digest);
  });

  it("lose no chunk that they acknowledged when both take chunks of one upload at once", async () => {
    const chunks = Array.from({ length: 6 }, () => randomBytes(4 * MEBIBYTE));
    const location = await one.start("two/race");
    const kept: Buffer[] = [];
    for (let start = 0; kept.length < 3; start = kept.length * 4 * MEBIBYTE) {
      const rivals = [chunks[2 * kept.length] as Buffer, chunks[2 * kept.length + 1] as Buffer];
      const answers = await Promise.all([
        patch(one, location, start, rivals[0] as Buffer),
        patch(other, location, start, rivals[1] as Buffer),
      ]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 202)).toHaveLength(1);
      expect(statuses.every((status) => [202, 409, 416].includes(status))).toBe(true);
      kept.push(rivals[statuses.indexOf(202)] as Buffer);
    }
    const digest = digestOf(Buffer.concat(kept));
    expect((await other.call("PUT", `${location}&digest=${digest}`)).status).toBe(201);
  });

  it("see what the other changed at once", async () => {
    const first = await one.pushImage("two/tags", "latest");
    const { digest } = await one.pushBlob("two/tags", "blob");
    const tag = "/v2/two/tags/manifests/latest";
    const blob = `/v2/two/tags/blobs/${digest}`;
    const digestAt = async (client: RegistryClient) =>
      (await client.call("HEAD", tag)).headers.get("docker-content-digest");
    expect(await digestAt(other)).toBe(first.digest);
    expect((await other.call("HEAD", blob)).status).toBe(200);
    const second = await other.pushImage("two/tags", "latest");
    expect(await digestAt(one)).toBe(second.digest);
    expect((await one.call("DELETE", blob)).status).toBe(202);
    expect((await other.call("HEAD", blob)).status).toBe(404);
    expect((await other.call("DELETE", tag)).status).toBe(202);
    expect((await one.call("HEAD", tag)).status).toBe(404);
    const location = await one.start("two/tags");
    expect((await other.call("DELETE", location)).status).toBe(204);
    expect((await one.call("PATCH", location, { body: "late" })).status).toBe(404);
  });

  it("survive the death of one, whose upload the other finishes", async () => {
    const content = randomBytes(2 * MEBIBYTE);
    const third = await startServerProcess(folder.path, VARIABLES);
    const location = await new RegistryClient(third).start("two/death");
    const socket = await openConnection(third.url);
    socket.write(
      `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.byteLength}\r\n\r\n`,
    );
    socket.write(content.subarray(0, MEBIBYTE));
    await untilUploadIsHeld(folder.path, location);
    await third.end("SIGKILL");
    socket.destroy();
    const range = (await one.call("GET", location)).headers.get("range") as string;
    const size = range === "0-0" ? 0 : Number(range.slice(2)) + 1;
    expect((await patch(one, location, size, content.subarray(size))).status).toBe(202);
    expect((await other.call("PUT", `${location}&digest=${digestOf(content)}`)).status).toBe(201);
  });

  it("start on a port that is in use with one clear line", async () => {
    const port = new URL(servers[0].url).port;
    const failed = startServerProcess(folder.path, { ...VARIABLES, SLIPWAY_HTTP_PORT: port });
    await expect(failed).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: the port is in use; change http.port (SLIPWAY_HTTP_PORT) or stop the other program`,
    );
  });
});

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");

describeWith("two servers that build", HAS_APT, "apt is not installed", () => {
  it("build an image once that both are asked for, and serve it alike", async () => {
    await using data = await temporaryFolder("two-builders");
    const repository = await createDebianRepository(data.path);
    await repository.publish([
      { name: "one", fields: { Depends: "other" }, hasFile: true },
      { name: "other", hasFile: true },
    ]);
    const start = () =>
      startServerProcess(data.path, {
        SLIPWAY_BUILDER_APT_SOURCES_FILE: repository.sourcesFile,
        SLIPWAY_BUILDER_APT_ESSENTIAL: "false",
        SLIPWAY_BUILDER_APT_INCLUDE: "[]",
      });
    await using first = await start();
    await using second = await start();
    const clients = [new RegistryClient(first), new RegistryClient(second)];
    const path = "/v2/apt/one/manifests/latest";
    const images = await Promise.all([...clients, ...clients].map((client) => client.call("GET", path)));
    expect(images.map((image) => image.status)).toEqual([200, 200, 200, 200]);
    expect(new Set(images.map((image) => image.headers.get("docker-content-digest"))).size).toBe(1);
    const built = [first, second].flatMap((server) => server.output().match(/"msg":"image built"/g) ?? []);
    expect(built).toHaveLength(1);
    const [image] = await Promise.all(images.map((each) => each.json()));
    const { layers } = image as { readonly layers: readonly { digest: string }[] };
    for (const { digest } of layers) {
      for (const client of clients) {
        const layer = await client.call("GET", `/v2/apt/one/blobs/${digest}`);
        expect(digestOf(await layer.bytes())).toBe(digest as Digest);
      }
    }
  });
});
