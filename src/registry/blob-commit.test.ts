import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { join } from "node:path";
import { delegating } from "../../test/support/delegating.ts";
import { eventually } from "../../test/support/eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import { BlobStore } from "../content/blob-store.ts";
import type { ContentDriver } from "../content/content-driver.ts";
import { FilesystemDriver } from "../content/filesystem-driver.ts";
import { MemoryDriver } from "../content/memory-driver.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import type { UploadLedger } from "../metadata/ports/upload-ledger.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { digestOf } from "../oci/digest.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { BlobCommit } from "./blob-commit.ts";
import { Uploads } from "./uploads.ts";

const REPOSITORY = parseRepositoryName("team/app");
const PATIENT = { waitMs: 60_000, silenceMs: 60_000 };
const DISK_FULL = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

let folder: TemporaryFolder;
let metadata: MetadataStore;

beforeAll(async () => {
  folder = await temporaryFolder("blob-commit");
  metadata = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.sqlite")));
});
afterAll(async () => {
  await metadata[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** The parts over a driver and a ledger. */
function open(driver: ContentDriver, ledger: UploadLedger = metadata.uploads, locks = new KeyedLock()) {
  const ingester = new BlobStore(driver, { locks, patience: PATIENT });
  const parts = { ingester, provider: ingester, ledger, links: metadata.links };
  return { uploads: new Uploads(parts), commits: new BlobCommit(parts), ingester };
}

const openFiles = () => FilesystemDriver.open({ root: join(folder.path, "content") });

async function* sourceOf(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

let count = 0;

/** Content that no other test uses. */
function newContent() {
  count += 1;
  const bytes = new TextEncoder().encode(`content ${count}`);
  return { bytes, blob: { digest: digestOf(bytes), size: bytes.byteLength } };
}

describe.each([
  ["files", openFiles],
  ["memory", async () => new MemoryDriver({ maxBytes: 1 << 20 })],
])("an upload in %s that is finished", (_, openDriver) => {
  describe.each(["without a last chunk", "with one"])("%s", (how) => {
    const hasChunk = how === "with one";

    /** An upload that has all of its content, or the first three bytes; and what finishes it. */
    async function begin({ uploads, commits }: Pick<ReturnType<typeof open>, "uploads" | "commits">) {
      const { bytes, blob } = newContent();
      const { id } = await uploads.start(REPOSITORY);
      await uploads.append(REPOSITORY, id, sourceOf(hasChunk ? bytes.subarray(0, 3) : bytes));
      const finish = (by = commits) => {
        const source = hasChunk ? sourceOf(bytes.subarray(3)) : undefined;
        return by.finish(REPOSITORY, id, { source, digest: blob.digest, mayPull: false });
      };
      return { id, blob, finish };
    }

    it("is finished by repeating the request when its blob could not be linked", async () => {
      await using driver = await openDriver();
      let failures = 2;
      const ledger = delegating(metadata.uploads, {
        async finishUpload(finished) {
          failures -= 1;
          if (failures >= 0) throw DISK_FULL;
          return metadata.uploads.finishUpload(finished);
        },
      });
      const parts = open(driver, ledger);
      const { id, blob, finish } = await begin(parts);
      for (let attempt = 0; attempt < 2; attempt += 1) await expect(finish()).rejects.toBe(DISK_FULL);
      expect(await metadata.links.findLinkedBlob(REPOSITORY, blob.digest)).toBeUndefined();
      expect(await finish()).toEqual(blob);
      expect(await metadata.links.findLinkedBlob(REPOSITORY, blob.digest)).toEqual(blob);
      expect(await metadata.uploads.findUpload(REPOSITORY, id)).toBeUndefined();
    });

    it("is finished by another process when the first one died before it published the bytes", async () => {
      await using driver = await openDriver();
      const dying = delegating(driver, {
        // The dead process does not take its last chunk back either.
        publishUpload: () => Promise.reject(DISK_FULL),
        truncateUpload: () => Promise.reject(DISK_FULL),
      });
      const { blob, finish } = await begin(open(dying));
      await expect(finish()).rejects.toBe(DISK_FULL);
      expect(await finish(open(driver).commits)).toEqual(blob);
    });

    it("goes on from where it was when its bytes could not be published", async () => {
      await using driver = await openDriver();
      let isFull = true;
      const filling = delegating(driver, {
        publishUpload: (lock, digest, revision) =>
          isFull ? Promise.reject(DISK_FULL) : driver.publishUpload(lock, digest, revision),
      });
      const { blob, finish } = await begin(open(filling));
      await expect(finish()).rejects.toBe(DISK_FULL);
      isFull = false;
      expect(await finish()).toEqual(blob);
    });

    it("is not finished as something else once it is sealed", async () => {
      await using driver = await openDriver();
      const ledger = delegating(metadata.uploads, { finishUpload: () => Promise.reject(DISK_FULL) });
      const { id, blob, finish } = await begin(open(driver, ledger));
      await expect(finish()).rejects.toBe(DISK_FULL);
      const other = { source: undefined, digest: digestOf("other"), mayPull: true };
      await expect(open(driver).commits.finish(REPOSITORY, id, other)).rejects.toMatchObject({
        fault: "upload-unknown",
      });
      expect(await finish(open(driver).commits)).toEqual(blob);
    });
  });
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
    await using driver = await openFiles();
    const locks = new CountingLocks();
    const slow = open(driver, ledger, locks);
    const content = new TextEncoder().encode(how);
    const blob = { digest: digestOf(content), size: content.byteLength };
    const hasChunk = how === "with one";
    const { id } = await slow.uploads.start(REPOSITORY);
    if (!hasChunk) await slow.uploads.append(REPOSITORY, id, sourceOf(content));
    const finish = () => {
      const source = hasChunk ? sourceOf(content) : undefined;
      return slow.commits.finish(REPOSITORY, id, { source, digest: blob.digest, mayPull: true });
    };
    const first = finish();
    // The bytes have left the upload by now, and the repository does not link the blob yet.
    await published.promise;
    const { asked } = locks;
    const second = finish();
    await eventually(() => locks.asked > asked);
    released.resolve();
    expect(await Promise.all([first, second])).toEqual([blob, blob]);
  },
);

it("a repeated finish fails with `upload-busy` if the first one takes too long to be recorded", async () => {
  await using driver = await openFiles();
  const impatient = new BlobStore(driver, { patience: { waitMs: 50, silenceMs: 1_000 } });
  const published = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const ledger = slowLedger(published.resolve, released.promise);
  const parts = { ingester: impatient, provider: impatient, ledger, links: metadata.links };
  const slow = { uploads: new Uploads(parts), commits: new BlobCommit(parts) };
  const { id } = await slow.uploads.start(REPOSITORY);
  const end = { source: undefined, digest: digestOf(""), mayPull: true };
  const first = slow.commits.finish(REPOSITORY, id, end);
  await published.promise;
  await expect(slow.commits.finish(REPOSITORY, id, end)).rejects.toMatchObject({ fault: "upload-busy" });
  released.resolve();
  expect(await first).toEqual({ digest: digestOf(""), size: 0 });
});
