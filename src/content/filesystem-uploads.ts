import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../oci/byte-source.ts";
import { AppendFile, DirectWrites } from "./append-file.ts";
import { DATA_NAME, UPLOADS_PREFIX, uploadFolder, uploadKey } from "./blob-paths.ts";
import type { UploadId, UploadState } from "./content-driver.ts";
import { FileAppender, type SyncData, type Tap } from "./file-appender.ts";
import { type GatherBounds, privateBuffers, SharedBuffers } from "./gather-buffers.ts";
import { absent, reportingFailure } from "./storage-failure.ts";
import { isUploadId } from "./upload-id.ts";

/** What the first few appends at a time gather in: large, so that the disk and the hash thread get large pieces. */
const LARGE_BUFFERS: GatherBounds = { size: 2 << 20, count: 8 };
const MOST_LARGE_APPENDS = 4;
/** What each further append gathers in. */
const SMALL_BUFFERS: GatherBounds = { size: 64 << 10, count: 2 };
/** Bytes of one read when an upload is read again. */
const READ_SIZE = 512 << 10;

/** How uploads get to the disk. */
export interface FilesystemUploadsParts {
  readonly syncData: SyncData;
  /** Whether large writes pass the system's page cache by, where the file system can do that. */
  readonly directWrites: boolean;
}

/** The unpublished side of the filesystem driver: one file that grows for each upload. */
export class FilesystemUploads {
  readonly #driver: string;
  readonly #root: string;
  readonly #syncData: SyncData;
  readonly #directWrites: DirectWrites;
  readonly #largeBuffers = new SharedBuffers(LARGE_BUFFERS, MOST_LARGE_APPENDS);

  constructor(driver: string, root: string, { syncData, directWrites }: FilesystemUploadsParts) {
    this.#directWrites = new DirectWrites(directWrites);
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
  async append(id: UploadId, offset: number, source: ByteSource, tap: Tap): Promise<UploadState> {
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(this.#driver, "append to upload", id, work);
    await using file = await report(() => AppendFile.open(this.#path(id), this.#directWrites));
    using buffers = this.#largeBuffers.enter() ?? privateBuffers(SMALL_BUFFERS);
    // A writer that died may have left bytes beyond what it told anyone of.
    await report(() => file.handle.truncate(offset));
    const syncData = this.#syncData;
    const appender = new FileAppender({ file, position: offset, buffers, tap, syncData });
    try {
      for await (const chunk of source) {
        const written = appender.write(chunk);
        if (written !== undefined) await report(() => written);
      }
    } finally {
      // When this fails as well, it is what the caller hears of: the source's bytes were not kept.
      await report(() => this.#finish(id, appender));
    }
    return await report(() => stateOf(file.handle));
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
