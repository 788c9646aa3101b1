import { afterAll, beforeAll, expect, it } from "bun:test";
import { join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { BlobStore } from "../content/blob-store.ts";
import type { UploadId } from "../content/content-driver.ts";
import { FilesystemDriver } from "../content/filesystem-driver.ts";
import { FolderLocks } from "../metadata/folder-locks.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
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
  uploads = new Uploads({ ingester: store, ledger: metadata.uploads });
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
    return { opened, driver, uploads: new Uploads({ ingester, ledger: opened.uploads }) };
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

it("keeps an old session whose bytes changed a moment ago, and one that a request is working on", async () => {
  const old = new Date(Date.now() - 7 * 86_400_000);
  const begin = async () => {
    const upload = await store.create();
    await metadata.uploads.addUpload({ id: upload.id, repository: REPOSITORY, startedAt: old });
    return upload;
  };
  const changed = await begin();
  await uploads.append(REPOSITORY, changed.id, sourceOf("acknowledged"));
  expect(await uploads.purge(EARLIER, fail, NEVER)).toBe(0);
  expect((await uploads.status(REPOSITORY, changed.id)).size).toBe(12);
  const begun = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const dripping = await begin();
  const appending = uploads.append(
    REPOSITORY,
    dripping.id,
    (async function* () {
      yield new TextEncoder().encode("drip ");
      begun.resolve();
      await released.promise;
      yield new TextEncoder().encode("drop");
    })(),
  );
  await begun.promise;
  // Everything is old enough, but only the first one is nobody's.
  expect(await uploads.purge(later(), fail, NEVER)).toBe(1);
  released.resolve();
  expect((await appending).size).toBe(9);
  expect(await uploads.purge(later(), fail, NEVER)).toBe(1);
});

it("ends old sessions whose upload is gone, however many there are", async () => {
  const startedAt = new Date(Date.now() - 7 * 86_400_000);
  const id = (index: number) => `gone-${String(index).padStart(4, "0")}` as UploadId;
  for (let index = 0; index < 250; index += 1)
    await metadata.uploads.addUpload({ id: id(index), repository: REPOSITORY, startedAt });
  expect(await uploads.purge(EARLIER, fail, NEVER)).toBe(250);
  expect(await metadata.uploads.findUpload(REPOSITORY, id(0))).toBeUndefined();
});

async function* sourceOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
