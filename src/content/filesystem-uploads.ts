import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../bytes/byte-source.ts";
import { FolderLock } from "../files/file-lock.ts";
import { absent, isAbsent } from "../files/system-error.ts";
import { AppendFile, DirectWrites } from "./append-file.ts";
import { DATA_NAME, UPLOADS_PREFIX, uploadFolder, uploadKey } from "./blob-paths.ts";
import {
  isUploadId,
  type ListedUpload,
  StorageError,
  type UploadId,
  UploadLock,
  type UploadState,
} from "./content-driver.ts";
import type { SyncData } from "./early-flush.ts";
import { FileAppender } from "./file-appender.ts";
import { type GatherBounds, privateBuffers, SharedBuffers } from "./gather-buffers.ts";
import { reportingFailure } from "./storage-failure.ts";
import type { Tap } from "./write-queue.ts";

/** Buffers of the first few concurrent appends: large, so that the disk and the hash thread get large pieces. */
const LARGE_BUFFERS: GatherBounds = { size: 2 << 20, count: 8 };
const MAX_LARGE_APPENDS = 4;
/** Buffers of each further append. */
const SMALL_BUFFERS: GatherBounds = { size: 64 << 10, count: 2 };
/** Bytes to read at a time when an upload is read again. */
const READ_SIZE = 512 << 10;

/** How to write uploads to the disk. */
export interface FilesystemUploadsParts {
  readonly syncData: SyncData;
  /** Whether large writes bypass the system's page cache if the file system can. */
  readonly directWrites: boolean;
  /** Throws if nothing may be written, because the disk's last space is kept for something else. */
  readonly requireSpace: () => void;
}

/** The uploads of the filesystem driver: one growing file for each. */
export class FilesystemUploads {
  readonly #driver: string;
  readonly #root: string;
  readonly #syncData: SyncData;
  readonly #directWrites: DirectWrites;
  readonly #requireSpace: () => void;
  readonly #largeBuffers = new SharedBuffers(LARGE_BUFFERS, MAX_LARGE_APPENDS);

  constructor(driver: string, root: string, parts: FilesystemUploadsParts) {
    const { syncData, directWrites, requireSpace } = parts;
    this.#directWrites = new DirectWrites(directWrites);
    this.#driver = driver;
    this.#root = root;
    this.#syncData = syncData;
    this.#requireSpace = requireSpace;
  }

  /** Starts an upload; rejects if the id is in use. */
  async create(id: UploadId): Promise<void> {
    await reportingFailure(this.#driver, "create upload", id, async () => {
      this.#requireSpace();
      await mkdir(join(this.#root, uploadFolder(id)), { mode: 0o700 }).catch((error: unknown) => {
        if (!isAbsent(error)) throw error;
        throw new StorageError(this.#driver, "create upload", id, error, "gone");
      });
      const handle = await open(this.#path(id), "wx", 0o600);
      await handle.close();
    });
  }

  /** The state of the upload; `undefined` if there is none. */
  async stat(id: UploadId): Promise<UploadState | undefined> {
    return reportingFailure(this.#driver, "stat upload", id, async () => {
      const handle = await open(this.#path(id), "r").catch(absent);
      return handle && closing(handle, () => stateOf(handle));
    });
  }

  /** See {@link ContentDriver.uploadChangedAt}. */
  async changedAt(id: UploadId): Promise<Date | undefined> {
    return reportingFailure(this.#driver, "stat upload", id, async () => {
      // A process that died can leave a folder without a file.
      const found =
        (await stat(this.#path(id)).catch(absent)) ??
        (await stat(join(this.#root, uploadFolder(id))).catch(absent));
      return found?.mtime;
    });
  }

  /** Locks the upload's folder; see {@link ContentDriver.lockUpload}. */
  lock(id: UploadId): UploadLock | "busy" | undefined {
    const path = join(this.#root, uploadFolder(id));
    try {
      const found = FolderLock.tryAcquire(path);
      return found instanceof FolderLock ? new UploadLock(id, () => found[Symbol.dispose]()) : found;
    } catch (error) {
      throw new StorageError(this.#driver, "lock upload", id, error);
    }
  }

  /** Appends all of `source`; see {@link ContentDriver.appendUpload}. */
  async append(id: UploadId, offset: number, source: ByteSource, tap: Tap): Promise<UploadState> {
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(this.#driver, "append to upload", id, work);
    await using file = await report(() => AppendFile.open(this.#path(id), this.#directWrites));
    using buffers = this.#largeBuffers.enter() ?? privateBuffers(SMALL_BUFFERS);
    // A writer that died may have left bytes that it never reported.
    await report(() => file.handle.truncate(offset));
    const [syncData, requireSpace] = [this.#syncData, this.#requireSpace];
    const appender = new FileAppender({ file, position: offset, buffers, tap, syncData, requireSpace });
    try {
      for await (const chunk of source) {
        const written = appender.write(chunk);
        if (written !== undefined) await report(() => written);
      }
    } finally {
      // If this fails too, the caller gets this error, because the source's bytes were not kept.
      await report(() => this.#finish(id, appender));
    }
    return await report(() => stateOf(file.handle));
  }

  /** Cuts the upload's file; see {@link ContentDriver.truncateUpload}. */
  async truncate(id: UploadId, size: number): Promise<UploadState> {
    return reportingFailure(this.#driver, "truncate upload", id, async () =>
      closing(await open(this.#path(id), "r+"), async (handle) => {
        const before = await stateOf(handle);
        if (before.size < size) throw new Error(`holds ${before.size} bytes, not ${size}`);
        await handle.truncate(size);
        return await stateOf(handle);
      }),
    );
  }

  /** All bytes of the upload. */
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
   * Makes the upload's bytes durable; resolves to their file.
   *
   * Drops an upload whose sync failed: the system forgets bytes that it could not write, and reports that only once.
   */
  async syncOrDiscard(id: UploadId, revision: string): Promise<string> {
    const path = this.#path(id);
    await closing(await open(path, "r+"), async (handle) => {
      const state = await stateOf(handle);
      if (state.revision !== revision) throw this.#otherWriterError(id);
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

  /** Every upload. An upload whose file is missing counts as empty. */
  async *list(): AsyncGenerator<ListedUpload> {
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(this.#driver, "list uploads", UPLOADS_PREFIX, work);
    for (const id of await report(() => readdir(join(this.#root, UPLOADS_PREFIX)))) {
      if (!isUploadId(id)) continue;
      const folder = join(this.#root, uploadFolder(id));
      const file = await report(() => stat(join(folder, DATA_NAME)).catch(absent));
      // A process that died in between may have left a folder without a file.
      const found = file ?? (await report(() => stat(folder).catch(absent)));
      if (found !== undefined) yield { id, size: file?.size ?? 0, modifiedAt: found.mtime };
    }
  }

  async #finish(id: UploadId, appender: FileAppender): Promise<void> {
    try {
      await appender.finish();
    } catch (error) {
      if (appender.hasFlushFailed) await this.discard(id);
      throw error;
    }
  }

  #otherWriterError(id: UploadId): StorageError {
    return new StorageError(this.#driver, "publish", id, "another process wrote to the upload", "busy");
  }

  #path(id: UploadId): string {
    return join(this.#root, uploadKey(id));
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
