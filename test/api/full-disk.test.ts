import { expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { createLogger } from "../../src/log.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";
import { describeWith } from "../support/requirements.ts";
import { canMount, type SmallFileSystem, smallFileSystem } from "../support/small-file-system.ts";

const NAME = "full/disk";
const EMPTY_INDEX = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });

interface FullDisk extends AsyncDisposable {
  readonly disk: SmallFileSystem;
  readonly server: RegistryServer;
  readonly client: RegistryClient;
}

/** `reserveBytes`: space for deletes */
async function registryOnSmallDisk({ mebibytes = 8, reserveBytes = 0 } = {}): Promise<FullDisk> {
  const disk = await smallFileSystem(mebibytes);
  const metadata = { reserveBytes };
  const server = await startRegistry({ data: disk.path, metadata, log: createLogger("silent") });
  return {
    disk,
    server,
    client: new RegistryClient(server),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await disk[Symbol.asyncDispose]();
    },
  };
}

/** Fills the disk, and the free pages in SQLite's log. */
async function fillUp({ disk, client }: FullDisk): Promise<void> {
  disk.fill();
  for (let pushed = 0; pushed < 500; pushed += 1) {
    const response = await client.call("POST", `/v2/${NAME}/blobs/uploads/`);
    if (response.status !== 202) return;
  }
  throw new Error("the disk does not get full");
}

async function expectFull(response: Response): Promise<void> {
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  expect(errors).toEqual([{ code: "TOOMANYREQUESTS", message: "the registry's storage is full" }]);
  expect(response.status).toBe(507);
  expect(response.headers.get("retry-after")).toBe("30");
}

describeWith("on a file system of a few MiB", canMount(), "only root may mount one", () => {
  it("reports a full storage for every kind of write, and accepts writes again once there is space", async () => {
    await using full = await registryOnSmallDisk();
    const { client, disk } = full;
    const image = await client.makeImage(NAME);
    const kept = await client.pushManifest(NAME, image, "kept");
    const open = await client.start(NAME);
    await fillUp(full);
    const other = JSON.stringify({ ...image, annotations: { filler: "x".repeat(100_000) } });
    const blob = randomBytes(300_000);
    const digest = digestOf(blob);
    const uploads = `/v2/${NAME}/blobs/uploads/`;

    const writes = [
      client.putManifest(NAME, "other", other),
      client.call("DELETE", `/v2/${NAME}/manifests/kept`),
      client.call("DELETE", `/v2/${NAME}/manifests/${kept.digest}`),
      client.call("DELETE", `/v2/${NAME}/blobs/${image.config.digest}`),
      client.call("POST", uploads),
      client.call("POST", `${uploads}?digest=${digest}`, { body: blob }),
      client.call("POST", `/v2/full/other/blobs/uploads/?from=${NAME}&mount=${image.config.digest}`),
      client.call("PATCH", open, { body: blob }),
    ];
    for (const write of writes) await expectFull(await write);
    await expectFull(await client.call("PUT", `${open}&digest=${digest}`, { body: blob }));

    // Everything that was acknowledged can be read, even while the disk is full.
    expect((await client.call("GET", `/v2/${NAME}/manifests/kept`)).status).toBe(200);
    expect((await client.call("GET", `/v2/${NAME}/blobs/${image.layers[0]?.digest}`)).status).toBe(200);
    expect(await (await client.call("GET", `/v2/${NAME}/tags/list`)).json()).toMatchObject({
      tags: ["kept"],
    });
    expect((await client.call("GET", open)).status).toBe(204);

    disk.free();
    expect((await client.putManifest(NAME, "other", other)).status).toBe(201);
    await client.pushBlob(NAME, blob);
    expect((await client.call("DELETE", `/v2/${NAME}/manifests/kept`)).status).toBe(202);
  });

  it("deletes with the space that is kept for that, which no push can use", async () => {
    await using full = await registryOnSmallDisk({ mebibytes: 16, reserveBytes: 1 << 20 });
    const { client, disk, server } = full;
    const names = Array.from({ length: 20 }, (_, index) => `${NAME}/${index}`);
    for (const name of names) await client.pushManifest(name, await client.makeImage(name), "latest");
    const open = await client.start(NAME);
    const blob = randomBytes(3 << 20);
    const refuseAll = async () => {
      await expectFull(await client.call("POST", `/v2/${NAME}/blobs/uploads/`));
      await expectFull(await client.call("PATCH", open, { body: blob }));
      await expectFull(await client.call("PUT", `${open}&digest=${digestOf(blob)}`, { body: blob }));
      await expectFull(await client.putManifest(NAME, "index", EMPTY_INDEX, MediaType.ociIndex));
    };
    await fillUp(full);
    await refuseAll();
    const remove = async (path: string) => expect((await client.call("DELETE", path)).status).toBe(202);
    for (const [index, name] of names.entries()) {
      await remove(`/v2/${name}/manifests/latest`);
      if (index % 8 === 0) await refuseAll();
      if (index !== 10) continue;
      await server.restart();
      // The restart may have emptied the log, so there may be room for pushes now.
      disk.fill();
    }
    disk.free();
    await server.restart();
    await client.pushBlob(NAME, blob);
    expect((await client.putManifest(NAME, "index", EMPTY_INDEX, MediaType.ociIndex)).status).toBe(201);
  }, 60_000);

  it("answers a push that is larger than what is left, and keeps nothing of it", async () => {
    await using full = await registryOnSmallDisk({ mebibytes: 16 });
    const { client, disk } = full;
    const large = randomBytes(20 << 20);
    const path = `/v2/${NAME}/blobs/uploads/?digest=${digestOf(large)}`;
    await expectFull(await client.call("POST", path, { body: large }));
    await client.pushBlob(NAME, randomBytes(8 << 20));
    disk.free();
  });

  it("frees what a cancelled upload holds, although there is no room to record that", async () => {
    await using full = await registryOnSmallDisk();
    const { client, disk } = full;
    const open = await client.start(NAME);
    expect((await client.call("PATCH", open, { body: randomBytes(1 << 20) })).status).toBe(202);
    await fillUp(full);
    expect((await client.call("DELETE", open)).status).toBe(204);
    await client.pushBlob(NAME, randomBytes(100_000));
    disk.free();
  });

  it("continues an interrupted upload where it stopped", async () => {
    await using full = await registryOnSmallDisk();
    const { client, disk } = full;
    const content = randomBytes(1 << 20);
    const open = await client.start(NAME);
    disk.fill(256 << 10);
    await expectFull(await client.call("PATCH", open, { body: content }));
    disk.free();
    const status = await client.call("GET", open);
    const held = Number(status.headers.get("range")?.split("-")[1]) + 1;
    expect(held).toBeLessThan(content.byteLength);
    const start = held === 1 ? 0 : held;
    const rest = content.subarray(start);
    const headers = { "content-range": `${start}-${content.byteLength - 1}` };
    const digest = digestOf(content);
    const ended = await client.call("PUT", `${open}&digest=${digest}`, { headers, body: rest });
    expect(ended.status).toBe(201);
  });
});
