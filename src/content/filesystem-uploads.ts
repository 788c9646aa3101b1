import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../oci/byte-source.ts";
import { DATA_NAME, UPLOADS_PREFIX, uploadFolder, uploadKey } from "./blob-paths.ts";
import type { UploadId, UploadState } from "./content-driver.ts";
import { FileAppender, type GatheringBounds, type SyncData } from "./file-appender.ts";
import { absent, reportingFailure } from "./storage-failure.ts";
import { isUploadId } from "./upload-id.ts";

/** Bytes that all appends of one driver gather at once, shared evenly among them. */
const GATHERING_BUDGET = 16 << 20;
const LARGEST_BUFFER = 512 << 10;
const SMALLEST_BUFFER = 64 << 10;
const MOST_BUFFERS = 8;
/** Bytes of one read when an upload is read again. */
const READ_SIZE = 512 << 10;

/** The unpublished side of the filesystem driver: one file that grows for each upload. */
export class FilesystemUploads {
  readonly #driver: string;
  readonly #root: string;
  readonly #syncData: SyncData;
  #appending = 0;

  constructor(driver: string, root: string, syncData: SyncData) {
    this.#driver = driver;
    this.#root = root;
    this.#syncData = syncData;
  }

  /** Begins an upload; rejects when the id was used already. */
  async create(id: UploadId): Promise<void> {
    await reportingFailure(this.#driver, "create upload", id, async () => {
      await mkdir(join(this.#root, uploadFolder(id)));
      const handle = await open(this.#path(id), "wx");
      await handle.close();
    });
  }

  /** Where the upload stands. */
  async stat(id: UploadId): Promise<UploadState | undefined> {
    return reportingFailure(this.#driver, "stat upload", id, async () => {
      const handle = await open(this.#path(id), "r").catch(absent);
      return handle && closing(handle, () => stateOf(handle));
    });
  }

  /** Appends all of `source`; see {@link ContentDriver.appendUpload}. */
  async append(
    id: UploadId,
    offset: number,
    source: ByteSource,
    tap: (chunk: Uint8Array) => void,
  ): Promise<UploadState> {
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(this.#driver, "append to upload", id, work);
    const handle = await report(() => open(this.#path(id), "r+"));
    this.#appending += 1;
    try {
      // A writer that died may have left bytes beyond what it told anyone of.
      await report(() => handle.truncate(offset));
      const appender = new FileAppender(handle, offset, this.#bounds(), this.#syncData);
      try {
        for await (const chunk of source) {
          tap(chunk);
          const written = appender.write(chunk);
          if (written !== undefined) await report(() => written);
        }
      } finally {
        // When this fails as well, it is what the caller hears of: the source's bytes were not kept.
        await report(() => this.#finish(id, appender));
      }
      return await report(() => stateOf(handle));
    } finally {
      this.#appending -= 1;
      await handle.close();
    }
  }

  /** The upload's bytes, from the first. */
  async *read(id: UploadId): AsyncGenerator<Uint8Array> {
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(this.#driver, "read upload", id, work);
    const handle = await report(() => open(this.#path(id), "r"));
    try {
      for (let position = 0; ; ) {
        const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
        const { bytesRead } = await report(() => handle.read(buffer, 0, READ_SIZE, position));
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /**
   * Makes the upload's bytes durable; resolves to the file that holds them.
   *
   * An upload whose sync failed is dropped: the system forgets bytes it could not write, and reports that once.
   */
  async settle(id: UploadId, revision: string): Promise<string> {
    const path = this.#path(id);
    await closing(await open(path, "r+"), async (handle) => {
      const state = await stateOf(handle);
      if (state.revision !== revision) throw new Error("another process wrote to the upload");
      const now = new Date();
      await handle.utimes(now, now);
      try {
        await this.#syncData(handle);
      } catch (error) {
        await this.discard(id);
        throw error;
      }
    });
    return path;
  }

  /** Drops the upload's file and folder. */
  async discard(id: UploadId): Promise<void> {
    await reportingFailure(this.#driver, "discard upload", id, () =>
      rm(join(this.#root, uploadFolder(id)), { recursive: true, force: true }),
    );
  }

  /** Every upload with the time of its last change. */
  async *list(): AsyncGenerator<{ readonly id: UploadId; readonly modifiedAt: Date }> {
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(this.#driver, "list uploads", UPLOADS_PREFIX, work);
    for (const id of await report(() => readdir(join(this.#root, UPLOADS_PREFIX)))) {
      if (!isUploadId(id)) continue;
      const folder = join(this.#root, uploadFolder(id));
      // A process that died in between left a folder without a file, or a file that was already published.
      const found = await report(
        async () => (await stat(join(folder, DATA_NAME)).catch(absent)) ?? stat(folder).catch(absent),
      );
      if (found !== undefined) yield { id, modifiedAt: found.mtime };
    }
  }

  async #finish(id: UploadId, appender: FileAppender): Promise<void> {
    try {
      await appender.finish();
    } catch (error) {
      if (appender.flushFailed) await this.discard(id);
      throw error;
    }
  }

  #path(id: UploadId): string {
    return join(this.#root, uploadKey(id));
  }

  /** An even share of the budget: for few uploads many large buffers, for many two small ones each. */
  #bounds(): GatheringBounds {
    const share = GATHERING_BUDGET / this.#appending;
    const bufferSize = Math.max(SMALLEST_BUFFER, Math.min(LARGEST_BUFFER, Math.floor(share / 2)));
    return { bufferSize, buffers: Math.max(2, Math.min(MOST_BUFFERS, Math.floor(share / bufferSize))) };
  }
}

async function stateOf(handle: FileHandle): Promise<UploadState> {
  const { size, mtimeNs, ino } = await handle.stat({ bigint: true });
  return { size: Number(size), revision: `${size}-${mtimeNs}-${ino}` };
}

async function closing<Result>(
  handle: FileHandle,
  work: (handle: FileHandle) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}
