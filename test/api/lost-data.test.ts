import { describe, expect, it } from "bun:test";
import { cp, mkdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLogger } from "../../src/log.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { startRegistry } from "../support/registry-server.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const NAME = "lost/data";
const EMPTY_INDEX = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });

/** Ways in which a running server can lose its data, by description. */
const LOSSES: Readonly<Record<string, (data: string) => Promise<void>>> = {
  "the data folder is removed": (data) => rm(data, { recursive: true }),
  "the data folder is replaced by a copy": async (data) => {
    await rename(data, `${data}-old`);
    await cp(`${data}-old`, data, { recursive: true });
    await rm(`${data}-old`, { recursive: true });
  },
  "the database is removed": (data) => rm(join(data, "metadata.sqlite")),
  "the database is emptied": (data) => truncate(join(data, "metadata.sqlite")),
  "the database's log is removed": (data) => rm(join(data, "metadata.sqlite-wal")),
};

describe("a server whose data are lost", () => {
  for (const [loss, lose] of Object.entries(LOSSES)) {
    it(`acknowledges no more manifests when ${loss}`, async () => {
      await using server = await startRegistry({ log: createLogger("silent") });
      const client = new RegistryClient(server);
      await client.pushImage(NAME, "kept");
      await lose(server.data);
      const answer = await client.putManifest(NAME, "lost", EMPTY_INDEX, MediaType.ociIndex);
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({
        errors: [{ code: "TOOMANYREQUESTS", message: "the registry's storage is gone" }],
      });
      expect((await client.call("POST", `/v2/${NAME}/blobs/uploads/`)).status).toBe(503);
    });
  }

  it("accepts no more uploads when the folder of its locks is removed", async () => {
    await using server = await startRegistry({ log: createLogger("silent") });
    const client = new RegistryClient(server);
    const location = await client.start(NAME);
    await client.call("PATCH", location, { body: "begin" });
    await rm(join(server.data, "metadata.sqlite-locks"), { recursive: true });
    const answers = [
      await client.call("PATCH", location, { body: "more" }),
      await client.call("PUT", `${location}&digest=${digestOf("begin")}`),
      await client.call("POST", `/v2/${NAME}/blobs/uploads/?digest=${digestOf("x")}`, { body: "x" }),
      await client.call("DELETE", location),
    ];
    for (const answer of answers) {
      expect([answer.status, await answer.json()]).toMatchObject([
        503,
        { errors: [{ message: "the registry's storage is gone" }] },
      ]);
    }
  });

  it("accepts no more blobs when the content folder is replaced", async () => {
    await using server = await startRegistry({ log: createLogger("silent") });
    const client = new RegistryClient(server);
    const open = await client.start(NAME);
    await rename(join(server.data, "content"), join(server.data, "old"));
    await mkdir(join(server.data, "content/uploads"), { recursive: true });
    expect((await client.call("POST", `/v2/${NAME}/blobs/uploads/`)).status).toBe(503);
    const digest = `sha256:${"0".repeat(64)}`;
    expect((await client.call("PUT", `${open}&digest=${digest}`, { body: "x" })).status).not.toBe(201);
  });

  it("stops when only the folder of its locks is removed", async () => {
    await using folder = await temporaryFolder("lost");
    await using server = await startServerProcess(folder.path, { SLIPWAY_BUILDER_ENABLED: "false" });
    const locks = join(folder.path, "metadata.sqlite-locks");
    await rm(locks, { recursive: true });
    expect(await server.exited).toBe(1);
    expect(server.output()).toContain(`find ${locks}: the folder was removed`);
  });

  it("stops, and says why", async () => {
    await using folder = await temporaryFolder("lost");
    const data = join(folder.path, "data");
    await using server = await startServerProcess(data, { SLIPWAY_BUILDER_ENABLED: "false" });
    await new RegistryClient(server).pushImage(NAME, "kept");
    await rm(data, { recursive: true });
    expect(await server.exited).toBe(1);
    const fatal = server
      .output()
      .split("\n")
      .filter((line) => line.includes('"level":60'));
    expect(fatal).toHaveLength(1);
    expect(fatal[0]).toContain("the registry's storage is gone");
    expect(fatal[0]).toContain(data);
    // The server created nothing in place of the lost data.
    expect(await Bun.file(join(data, "metadata.sqlite")).exists()).toBe(false);
  });
});

/** The result of a start: that it serves, or why it does not. */
async function startOn(data: string, options: readonly string[] = []): Promise<string> {
  try {
    await using server = await startServerProcess(data, { SLIPWAY_BUILDER_ENABLED: "false" }, options);
    return `listens on ${server.host}`;
  } catch (error) {
    return String(error);
  }
}

async function dataWithImage(data: string): Promise<void> {
  await using server = await startServerProcess(data, { SLIPWAY_BUILDER_ENABLED: "false" });
  await new RegistryClient(server).pushImage(NAME, "kept");
}

describe("a start beside half of the data", () => {
  it("is refused when the content holds blobs that new metadata know nothing of", async () => {
    await using folder = await temporaryFolder("lost");
    await dataWithImage(folder.path);
    const database = join(folder.path, "metadata.sqlite");
    await rm(database);
    expect(await startOn(folder.path)).toContain("holds blobs, but the metadata is new");
    // A refused start must create nothing that the next start would take for metadata.
    await writeFile(database, "");
    expect(await startOn(folder.path)).toContain("holds blobs, but the metadata is new");
    expect(await startOn(folder.path, ["--accept-data-loss"])).toContain("listens on");
    expect(await startOn(folder.path)).toContain("listens on");
  });

  it("is refused when the metadata list blobs and the content holds none", async () => {
    await using folder = await temporaryFolder("lost");
    await dataWithImage(folder.path);
    const content = join(folder.path, "content");
    await rename(content, join(folder.path, "unmounted"));
    expect(await startOn(folder.path)).toContain("lists blobs, but the content");
    expect(await startOn(folder.path, ["--accept-data-loss"])).toContain("listens on");
    await rm(content, { recursive: true });
    await rename(join(folder.path, "unmounted"), content);
    expect(await startOn(folder.path)).toContain("listens on");
  });
});
