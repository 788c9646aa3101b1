import { describe, expect, it } from "bun:test";
import { spawn } from "node:child_process";
import { mkdir, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { contentDriverContract } from "../../test/contracts/content-driver.contract.ts";
import {
  appendUpload,
  bytesOf,
  chunks,
  discardUpload,
  publishSample,
  publishUpload,
  sampleBytes,
  textOf,
  uploadSample,
} from "../../test/contracts/content-driver-samples.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { syncFolder } from "../files/durable-folder.ts";
import { digestOf } from "../oci/digest.ts";
import { blobKey } from "./blob-paths.ts";
import { StorageError, type UploadLock } from "./content-driver.ts";
import { syncData } from "./early-flush.ts";
import { FilesystemDriver } from "./filesystem-driver.ts";

async function createStore() {
  const folder = await temporaryFolder("content");
  const driver = await FilesystemDriver.open({ root: join(folder.path, "not/there/yet") });
  return {
    driver,
    root: join(folder.path, "not/there/yet"),
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  };
}

contentDriverContract("filesystem", createStore);

describe("FilesystemDriver", () => {
  it("uses Distribution's layout, and serves blobs that are already there", async () => {
    await using store = await createStore();
    const hex = new Bun.CryptoHasher("sha256").update("adopted").digest("hex");
    const path = join(store.root, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "adopted");
    expect(await textOf(await store.driver.open(digestOf("adopted"), 7))).toBe("adopted");
    expect(await Array.fromAsync(store.driver.list(), ({ digest }) => digest)).toEqual([digestOf("adopted")]);
  });

  it("opens a file's slice, which the server can send without reading it", async () => {
    await using store = await createStore();
    const digest = await publishSample(store.driver, "content");
    expect(await store.driver.open(digest, 7)).toBeInstanceOf(Blob);
  });

  it("does not send a file that lost bytes, and replaces it", async () => {
    await using store = await createStore();
    const digest = await publishSample(store.driver, "content");
    await truncate(join(store.root, blobKey(digest)), 3);
    expect(await store.driver.open(digest, 7)).toBeUndefined();
    await publishSample(store.driver, "content");
    expect(await textOf(await store.driver.open(digest, 7))).toBe("content");
  });

  it("treats what it cannot open as absent: a folder, a link to itself", async () => {
    await using store = await createStore();
    const digest = await publishSample(store.driver, "content");
    const path = join(store.root, blobKey(digest));
    await rm(path);
    await symlink(path, path);
    for (let i = 0; i < 2; i++) expect(await store.driver.stat(digest)).toBeUndefined();
    await publishSample(store.driver, "content");
    expect(await store.driver.stat(digest)).toEqual({ size: 7 });
    await rm(path);
    await mkdir(path);
    expect(await store.driver.stat(digest)).toBeUndefined();
    expect(await store.driver.open(digest, 7)).toBeUndefined();
    await publishSample(store.driver, "content");
    expect(await store.driver.stat(digest)).toEqual({ size: 7 });
  });

  it("overwrites bytes that a dead writer left beyond the offset", async () => {
    await using store = await createStore();
    const { id } = await uploadSample(store.driver, "kept and lost");
    await appendUpload(store.driver, id, 4, chunks(["!"]), () => {});
    expect((await store.driver.statUpload(id))?.size).toBe(5);
  });

  it("continues an upload after a restart", async () => {
    await using store = await createStore();
    const { id } = await uploadSample(store.driver, "before ");
    await using restarted = await FilesystemDriver.open({ root: store.root });
    const state = await restarted.statUpload(id);
    expect(state?.size).toBe(7);
    const { revision } = await appendUpload(restarted, id, 7, chunks(["after"]), () => {});
    await publishUpload(restarted, id, digestOf("before after"), revision);
    expect(await textOf(await store.driver.open(digestOf("before after"), 12))).toBe("before after");
  });

  it("lets one holder at a time work on an upload, whichever process has it", async () => {
    await using store = await createStore();
    await using other = await FilesystemDriver.open({ root: store.root });
    const { id, revision } = await uploadSample(store.driver, "content");
    const lock = store.driver.lockUpload(id) as UploadLock;
    expect(store.driver.lockUpload(id)).toBe("busy");
    expect(other.lockUpload(id)).toBe("busy");
    await store.driver.publishUpload(lock, digestOf("content"), revision);
    // Nobody can append to the file that is a blob now.
    expect(other.lockUpload(id)).toBeUndefined();
    lock[Symbol.dispose]();
    const next = await uploadSample(other, "next");
    using held = store.driver.lockUpload(next.id) as UploadLock;
    expect(held.id).toBe(next.id);
  });

  it("gives the lock of a killed process to the next one", async () => {
    await using store = await createStore();
    const { id } = await uploadSample(store.driver, "content");
    const program = join(import.meta.dir, "../../test/support/programs/upload-holder.ts");
    const holder = Bun.spawn([process.execPath, program, store.root, id], { stdout: "pipe" });
    const { value } = await holder.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toBe("held\n");
    expect(store.driver.lockUpload(id)).toBe("busy");
    holder.kill("SIGKILL");
    await holder.exited;
    using held = store.driver.lockUpload(id) as UploadLock;
    expect(held.id).toBe(id);
  });

  it("publishes and deletes one digest at the same time without failing either", async () => {
    await using store = await createStore();
    const digest = digestOf("contested");
    for (let round = 0; round < 40; round += 1) {
      const publishing = publishSample(store.driver, "contested");
      const deleting = (async () => {
        for (let turn = 0; turn < 4; turn += 1) await store.driver.delete(digest);
      })();
      await Promise.all([publishing, deleting]);
    }
    await publishSample(store.driver, "contested");
    expect(await textOf(await store.driver.open(digest, 9))).toBe("contested");
  });

  it("publishes a blob that is deleted before its folder is synced, and distinguishes lost data from deleted data", async () => {
    await using folder = await temporaryFolder("content");
    const digest = digestOf("contested");
    const blob = dirname(join(folder.path, blobKey(digest)));
    let removed: string | undefined;
    const driver: FilesystemDriver = await FilesystemDriver.open({
      root: folder.path,
      sync: {
        data: syncData,
        folder: async (path) => {
          if (path === blob && removed !== undefined) await rm(removed, { recursive: true, force: true });
          await syncFolder(path);
        },
      },
    });
    removed = blob;
    await publishSample(driver, "contested");
    expect(await driver.stat(digest)).toBeUndefined();
    removed = dirname(blob);
    await expect(publishSample(driver, "contested")).rejects.toBeInstanceOf(StorageError);
    removed = undefined;
    await publishSample(driver, "contested");
    expect(await textOf(await driver.open(digest, 9))).toBe("contested");
  });

  it("leaves no folder behind for uploads that ended and blobs that are gone", async () => {
    await using store = await createStore();
    const digest = await publishSample(store.driver, "content");
    await store.driver.delete(digest);
    const { id } = await uploadSample(store.driver, "dropped");
    await discardUpload(store.driver, id);
    expect(await readdir(join(store.root, "uploads"))).toEqual([]);
    expect(await readdir(dirname(dirname(join(store.root, blobKey(digest)))))).toEqual([]);
  });
});

describe("FilesystemDriver on a failing disk", () => {
  const failure = Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  const fail = () => Promise.reject(failure);

  it("publishes nothing, and drops the upload, when its bytes cannot be synced", async () => {
    await using folder = await temporaryFolder("content");
    const driver = await FilesystemDriver.open({
      root: folder.path,
      sync: { data: fail, folder: syncFolder },
    });
    const { id, revision } = await uploadSample(driver, "lost");
    await expect(publishUpload(driver, id, digestOf("lost"), revision)).rejects.toMatchObject({
      cause: failure,
    });
    expect(await driver.stat(digestOf("lost"))).toBeUndefined();
    expect(await driver.statUpload(id)).toBeUndefined();
  });

  it("fails a publish whose folder cannot be synced, and takes nothing from another one of the same bytes", async () => {
    await using folder = await temporaryFolder("content");
    let failFolder: (() => Promise<void>) | undefined;
    const driver = await FilesystemDriver.open({
      root: folder.path,
      sync: { data: syncData, folder: (path) => (failFolder ?? (() => syncFolder(path)))() },
    });
    const digest = digestOf("layer");
    const [first, second] = [await uploadSample(driver, "layer"), await uploadSample(driver, "layer")];
    const begun = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    failFolder = async () => {
      begun.resolve();
      await released.promise;
      throw failure;
    };
    const failing = publishUpload(driver, first.id, digest, first.revision);
    await begun.promise;
    // The file is there already. Its folder is synced for this publish, so its client is told that it is stored.
    failFolder = undefined;
    await publishUpload(driver, second.id, digest, second.revision);
    released.resolve();
    await expect(failing).rejects.toMatchObject({ cause: failure });
    expect(await textOf(await driver.open(digest, 5))).toBe("layer");
  });

  it("fails an append whose early flush failed, and drops the upload", async () => {
    await using folder = await temporaryFolder("content");
    const driver = await FilesystemDriver.open({
      root: folder.path,
      sync: { data: fail, folder: syncFolder },
    });
    const { id } = await uploadSample(driver, "begun");
    const half = sampleBytes(17 << 20);
    await expect(appendUpload(driver, id, 5, chunks([half, half]), () => {})).rejects.toMatchObject({
      cause: failure,
    });
    expect(await driver.statUpload(id)).toBeUndefined();
  });

  it("syncs data first, then every new folder up to the root, before it resolves", async () => {
    await using folder = await temporaryFolder("content");
    const synced: string[] = [];
    const driver = await FilesystemDriver.open({
      root: folder.path,
      sync: {
        data: async (handle) => {
          await syncData(handle);
          synced.push("data");
        },
        folder: async (path) => {
          await syncFolder(path);
          synced.push(path.slice(folder.path.length));
        },
      },
    });
    synced.length = 0;
    const digest = await publishSample(driver, "content");
    const folders: string[] = [];
    for (let path = dirname(`/${blobKey(digest)}`); path !== "/"; path = dirname(path)) folders.push(path);
    expect(synced[0]).toBe("data");
    expect(synced.slice(1).sort()).toEqual([...folders, ""].sort());
    synced.length = 0;
    await publishSample(driver, "content");
    expect(synced.slice(1).sort()).toEqual(folders.slice(0, 2).sort());
    expect(await bytesOf(await driver.open(digest, 7))).toHaveLength(7);
  });
});

it("releases an upload's lock although processes are being started", async () => {
  await using store = await createStore();
  const { id } = await uploadSample(store.driver, "content");
  const children: Promise<number>[] = [];
  for (let round = 0; round < 60; round += 1) {
    const lock = store.driver.lockUpload(id) as UploadLock;
    expect(lock.id).toBe(id);
    const started = new Promise<number>((resolve) => {
      spawn("true", { stdio: "ignore" }).once("exit", (code) => resolve(code ?? 0));
    });
    children.push(started);
    lock[Symbol.dispose]();
  }
  await Promise.all(children);
});
