import { afterAll, beforeAll, expect, it } from "bun:test";
import { join } from "node:path";
import { delegating } from "../../test/support/delegating.ts";
import { eventually } from "../../test/support/eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import { BlobStore } from "../content/blob-store.ts";
import { FilesystemDriver } from "../content/filesystem-driver.ts";
import { FolderLocks } from "../metadata/folder-locks.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import type { UploadLedger } from "../metadata/ports/upload-ledger.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { digestOf } from "../oci/digest.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { Uploads } from "./uploads.ts";

const REPOSITORY = parseRepositoryName("team/app");
const PATIENT = { waitMs: 60_000, silenceMs: 60_000 };
const NEVER = new AbortController().signal;
const EARLIER = new Date(Date.now() - 60_000);
const later = () => new Date(Date.now() + 60_000);
const fail = (error: unknown) => {
  throw error;
};

let folder: TemporaryFolder;
let metadata: MetadataStore;
let store: BlobStore;
let uploads: Uploads;

beforeAll(async () => {
  folder = await temporaryFolder("uploads");
  metadata = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.sqlite")));
  store = new BlobStore(await FilesystemDriver.open({ root: join(folder.path, "content") }));
  uploads = new Uploads({
    ingester: store,
    provider: store,
    ledger: metadata.uploads,
    links: metadata.links,
  });
});

afterAll(async () => {
  await metadata[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function uploadsInStore(): Promise<number> {
  return (await Array.fromAsync(store.listUploads())).length;
}

it("drops expired sessions with their bytes, and keeps recent ones", async () => {
  const { id } = await uploads.start(REPOSITORY);
  expect(await uploads.purge(EARLIER, fail, NEVER)).toBe(0);
  expect((await uploads.status(REPOSITORY, id)).size).toBe(0);
  expect(await uploads.purge(later(), fail, NEVER)).toBe(1);
  expect(await uploadsInStore()).toBe(0);
  await expect(uploads.status(REPOSITORY, id)).rejects.toMatchObject({ fault: "upload-unknown" });
});

it("drops bytes without a session that a process left in the middle of a push", async () => {
  const upload = await store.create();
  await upload.append(
    (async function* () {
      yield new Uint8Array(1000);
    })(),
  );
  expect(await uploads.purge(EARLIER, fail, NEVER)).toBe(0);
  expect(await uploadsInStore()).toBe(1);
  expect(await uploads.purge(later(), fail, NEVER)).toBe(1);
  expect(await uploadsInStore()).toBe(0);
});

it("drops expired sessions once, without failures, when two processes do so at once", async () => {
  const locks = join(folder.path, "locks");
  const open = async () => {
    const driver = await FilesystemDriver.open({ root: join(folder.path, "content") });
    const ingester = new BlobStore(driver, { locks: await FolderLocks.open(locks), patience: PATIENT });
    const opened = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.sqlite")));
    const { uploads: ledger, links } = opened;
    return { opened, driver, uploads: new Uploads({ ingester, provider: ingester, ledger, links }) };
  };
  const processes = [await open(), await open()];
  const ids = await Promise.all(Array.from({ length: 40 }, () => uploads.start(REPOSITORY)));
  await Promise.all(processes.map((each) => each.uploads.purge(later(), fail, NEVER)));
  expect(await uploadsInStore()).toBe(0);
  for (const { id } of ids)
    await expect(uploads.status(REPOSITORY, id)).rejects.toMatchObject({ fault: "upload-unknown" });
  for (const { opened, driver } of processes) {
    await opened[Symbol.asyncDispose]();
    await driver[Symbol.asyncDispose]();
  }
});

/** The ledger, which calls `asked`, and waits for `released`, before it records the end of an upload. */
function slowLedger(asked: () => void, released: Promise<void>): UploadLedger {
  return delegating(metadata.uploads, {
    async finishUpload(finished) {
      asked();
      await released;
      return metadata.uploads.finishUpload(finished);
    },
  });
}

/** Locks that count how often they are requested. */
class CountingLocks extends KeyedLock {
  asked = 0;
  override run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    this.asked += 1;
    return super.run(name, work, signal);
  }
}

it.each(["without a last chunk", "with one"])(
  "a finish %s that is repeated while the first is being recorded has the same result",
  async (how) => {
    const published = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const ledger = slowLedger(published.resolve, released.promise);
    const driver = await FilesystemDriver.open({ root: join(folder.path, "content") });
    const locks = new CountingLocks();
    const ingester = new BlobStore(driver, { locks, patience: PATIENT });
    const slow = new Uploads({ ingester, provider: ingester, ledger, links: metadata.links });
    const content = new TextEncoder().encode(how);
    const blob = { digest: digestOf(content), size: content.byteLength };
    const hasChunk = how === "with one";
    const { id } = await slow.start(REPOSITORY);
    if (!hasChunk) await slow.append(REPOSITORY, id, sourceOf(content));
    const finish = () => {
      const source = hasChunk ? sourceOf(content) : undefined;
      return slow.finish(REPOSITORY, id, { source, digest: blob.digest, mayPull: true });
    };
    const first = finish();
    // The bytes have left the upload by now, and the repository does not link the blob yet.
    await published.promise;
    const { asked } = locks;
    const second = finish();
    await eventually(() => locks.asked > asked);
    released.resolve();
    expect(await Promise.all([first, second])).toEqual([blob, blob]);
    await driver[Symbol.asyncDispose]();
  },
);

it("a repeated finish fails with `upload-busy` if the first one takes too long to be recorded", async () => {
  const driver = await FilesystemDriver.open({ root: join(folder.path, "content") });
  const impatient = new BlobStore(driver, { patience: { waitMs: 50, silenceMs: 1_000 } });
  const published = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const ledger = slowLedger(published.resolve, released.promise);
  const slow = new Uploads({ ingester: impatient, provider: impatient, ledger, links: metadata.links });
  const { id } = await slow.start(REPOSITORY);
  const end = { source: undefined, digest: digestOf(""), mayPull: true };
  const first = slow.finish(REPOSITORY, id, end);
  await published.promise;
  await expect(slow.finish(REPOSITORY, id, end)).rejects.toMatchObject({ fault: "upload-busy" });
  released.resolve();
  expect(await first).toEqual({ digest: digestOf(""), size: 0 });
  await driver[Symbol.asyncDispose]();
});

async function* sourceOf(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
