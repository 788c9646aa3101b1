import { describe, expect, it } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  appendUpload,
  chunks,
  discardUpload,
  publishSample,
  sampleBytes,
  textOf,
} from "../../test/contracts/content-driver-samples.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { nextTurn } from "../concurrency/next-turn.ts";
import { digestOf, EMPTY_DIGEST } from "../oci/digest.ts";
import { blobKey } from "./blob-paths.ts";
import type { BlobUpload } from "./blob-services.ts";
import { BlobStore } from "./blob-store.ts";
import { createUploadId, type UploadId } from "./content-driver.ts";
import { FilesystemDriver } from "./filesystem-driver.ts";
import { MemoryDriver } from "./memory-driver.ts";

function createStore(maxUploadHashes?: number) {
  const driver = new ReadCountingDriver({ maxBytes: 64 << 20 });
  const store = new BlobStore(driver, maxUploadHashes === undefined ? {} : { maxUploadHashes });
  return { driver, store };
}

class ReadCountingDriver extends MemoryDriver {
  reads = 0;
  override readUpload(id: UploadId) {
    this.reads += 1;
    return super.readUpload(id);
  }
}

async function begun(store: BlobStore, content: string): Promise<BlobUpload> {
  const upload = await store.create();
  await upload.append(chunks([content]));
  return upload;
}

describe("BlobStore", () => {
  it("stores content and returns it by its canonical descriptor", async () => {
    const { store, driver } = createStore();
    const upload = await begun(store, "some ");
    expect(await upload.append(chunks(["con", "tent"]), 5)).toBe(12);
    const digest = digestOf("some content");
    const descriptor = await upload.commit({ digest, size: 12 });
    expect(descriptor).toEqual({ digest, size: 12 });
    expect(await textOf(await store.open(descriptor))).toBe("some content");
    expect(await textOf(await store.open(descriptor, { start: 5, end: 8 }))).toBe("con");
    expect(driver.reads).toBe(0);
    expect(await store.resume(upload.id)).toBeUndefined();
  });

  it("answers a digest of another algorithm with the canonical one, hashed on the fly when announced", async () => {
    const { store, driver } = createStore();
    const upload = await store.create("sha512");
    await upload.append(chunks(["content"]));
    expect(await upload.commit({ digest: digestOf("content", "sha512") })).toEqual({
      digest: digestOf("content"),
      size: 7,
    });
    expect(driver.reads).toBe(0);
  });

  it("reads the upload once more for an algorithm that nobody announced", async () => {
    const { store, driver } = createStore();
    const upload = await begun(store, "content");
    const { digest } = await upload.commit({ digest: digestOf("content", "sha512") });
    expect(digest).toBe(digestOf("content"));
    expect(driver.reads).toBe(1);
  });

  it("keeps the upload when the claim is wrong, so that the client can correct it", async () => {
    const { store } = createStore();
    const upload = await begun(store, "content");
    const wrong = upload.commit({ digest: digestOf("else") });
    await expect(wrong).rejects.toMatchObject({ fault: "digest-mismatch" });
    const short = upload.commit({ digest: digestOf("content"), size: 6 });
    await expect(short).rejects.toMatchObject({ fault: "size-mismatch" });
    expect(await upload.size()).toBe(7);
    expect((await upload.commit({ digest: digestOf("content") })).size).toBe(7);
  });

  it("commits content from a trusted writer without a claimed digest", async () => {
    const { store } = createStore();
    expect(await (await begun(store, "made")).commitUnclaimed()).toEqual({
      digest: digestOf("made"),
      size: 4,
    });
  });

  it("stores the empty blob", async () => {
    const { store } = createStore();
    const upload = await store.create();
    expect(await upload.commit({ digest: EMPTY_DIGEST, size: 0 })).toEqual({ digest: EMPTY_DIGEST, size: 0 });
    expect(await textOf(await store.open({ digest: EMPTY_DIGEST, size: 0 }))).toBe("");
  });

  it("refuses an append that does not begin where the upload ends", async () => {
    const { store } = createStore();
    const upload = await begun(store, "content");
    for (const offset of [0, 6, 8]) {
      const misplaced = upload.append(chunks(["x"]), offset);
      await expect(misplaced).rejects.toMatchObject({ fault: "upload-out-of-order" });
    }
    expect(await upload.size()).toBe(7);
  });

  it("reports an upload as unknown once it has ended", async () => {
    const { store } = createStore();
    const upload = await begun(store, "content");
    await upload.cancel();
    await upload.cancel();
    await expect(upload.append(chunks(["x"]))).rejects.toMatchObject({ fault: "upload-unknown" });
    await expect(upload.size()).rejects.toMatchObject({ fault: "upload-unknown" });
    await expect(upload.commitUnclaimed()).rejects.toMatchObject({ fault: "upload-unknown" });
    expect(await store.resume(upload.id)).toBeUndefined();
    expect(await store.resume(createUploadId())).toBeUndefined();
    expect(await store.resume("../escape" as UploadId)).toBeUndefined();
  });

  it("continues without reading again after a client hung up", async () => {
    const { store, driver } = createStore();
    const upload = await store.create();
    const hangUp = new Error("the client went away");
    await expect(upload.append(chunks(["half "], hangUp))).rejects.toBe(hangUp);
    expect(await upload.append(chunks(["and half"]), 5)).toBe(13);
    await upload.commit({ digest: digestOf("half and half") });
    expect(driver.reads).toBe(0);
  });

  it("hashes an upload again after its hash was evicted", async () => {
    const { store, driver } = createStore(1);
    const first = await begun(store, "first ");
    const second = await begun(store, "second");
    await first.append(chunks(["upload"]));
    expect((await first.commit({ digest: digestOf("first upload") })).size).toBe(12);
    expect(driver.reads).toBe(1);
    await second.commit({ digest: digestOf("second") });
  });

  it("does not trust its hash of an upload that another process wrote to", async () => {
    const { store, driver } = createStore();
    const upload = await begun(store, "content");
    await discardUpload(driver, upload.id);
    await driver.createUpload(upload.id);
    await appendUpload(driver, upload.id, 0, chunks(["con", "TENT"]), () => {});
    const stale = upload.commit({ digest: digestOf("content") });
    await expect(stale).rejects.toMatchObject({ fault: "digest-mismatch" });
    expect((await upload.commit({ digest: digestOf("conTENT") })).size).toBe(7);
  });

  it("does not open missing content", async () => {
    const { store } = createStore();
    expect(await store.open({ digest: digestOf("absent"), size: 6 })).toBeUndefined();
    expect(await store.holds({ digest: digestOf("absent"), size: 6 })).toBe(false);
  });

  it("runs concurrent calls on one upload one after another", async () => {
    const { store } = createStore();
    const { id } = await store.create();
    const requests = await Promise.all(Array.from({ length: 8 }, () => store.resume(id)));
    let reading = 0;
    let most = 0;
    const slowly = async function* () {
      reading += 1;
      most = Math.max(most, reading);
      await nextTurn();
      reading -= 1;
      yield new TextEncoder().encode("x");
    };
    const outcomes = await Promise.allSettled(requests.map((upload) => upload?.append(slowly(), 0)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(most).toBe(1);
    expect(await requests[0]?.size()).toBe(1);
  });
});

describe("BlobStore on files", () => {
  it("continues an upload after a restart, and hashes it again", async () => {
    await using folder = await temporaryFolder("blobs");
    const before = new BlobStore(await FilesystemDriver.open({ root: folder.path }));
    const content = sampleBytes(2_000_000);
    const { id } = await before.create();
    await (await before.resume(id))?.append(chunks([content.subarray(0, 1_234_567)]));
    const after = new BlobStore(await FilesystemDriver.open({ root: folder.path }));
    const upload = await after.resume(id);
    expect(await upload?.append(chunks([content.subarray(1_234_567)]), 1_234_567)).toBe(2_000_000);
    expect((await upload?.commit({ digest: digestOf(content) }))?.size).toBe(2_000_000);
  });

  it("repairs a damaged blob, shorter or with other bytes, when its content is pushed again", async () => {
    await using folder = await temporaryFolder("blobs");
    const driver = await FilesystemDriver.open({ root: folder.path });
    const store = new BlobStore(driver);
    const digest = await publishSample(driver, "content");
    for (const damaged of ["con", "CONTENT", "content"]) {
      await writeFile(join(folder.path, blobKey(digest)), damaged);
      const descriptor = await (await begun(store, "content")).commit({ digest });
      expect(await textOf(await store.open(descriptor))).toBe("content");
    }
    expect(await Array.fromAsync(driver.listUploads())).toEqual([]);
  });
});

it("refuses to work on an upload that a process with other locks is working on", async () => {
  await using folder = await temporaryFolder("blob-store");
  const open = async () => new BlobStore(await FilesystemDriver.open({ root: folder.path }));
  const [one, other] = [await open(), await open()];
  const upload = await one.create();
  const begun = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const slow = (async function* () {
    yield new TextEncoder().encode("slow ");
    begun.resolve();
    await released.promise;
    yield new TextEncoder().encode("client");
  })();
  const appending = upload.append(slow);
  await begun.promise;
  const same = other.uploadOf(upload.id);
  const busy = { fault: "upload-busy" };
  await expect(same.append(chunks(["intruder"]))).rejects.toMatchObject(busy);
  await expect(same.commit({ digest: digestOf("slow ") })).rejects.toMatchObject(busy);
  await expect(same.cancel()).rejects.toMatchObject(busy);
  released.resolve();
  expect(await appending).toBe(11);
  expect(await same.commit({ digest: digestOf("slow client") })).toEqual({
    digest: digestOf("slow client"),
    size: 11,
  });
});
