import type { FileHandle } from "node:fs/promises";
import type { AppendFile } from "./append-file.ts";

/** Number of bytes in the page cache that starts a flush. */
const FLUSH_INTERVAL = 16 << 20;

/** Makes a file's bytes and size durable; rejects if the disk fails. */
export type SyncData = (handle: FileHandle) => Promise<void>;

/** Flushes a growing file now and then, so that the disk works while bytes still arrive. One flush runs at a time. */
export class EarlyFlush {
  readonly #file: AppendFile;
  readonly #syncData: SyncData;
  #flushedBytes = 0;
  #running: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;

  constructor(file: AppendFile, syncData: SyncData) {
    this.#file = file;
    this.#syncData = syncData;
  }

  /** Whether a flush failed. The system may then have dropped bytes it had accepted, and reports that only once. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Call this after each write: starts a flush if there is enough to do. */
  afterWrite(): void {
    const unflushed = this.#file.cachedBytes - this.#flushedBytes;
    if (unflushed < FLUSH_INTERVAL || this.#running !== undefined) return;
    this.#flushedBytes = this.#file.cachedBytes;
    this.#running = this.#syncData(this.#file.handle)
      .catch((cause: unknown) => {
        this.#failure ??= { cause };
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Waits for the flush that is running. Never rejects; see {@link throwIfFailed}. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** @throws the error of the first failed flush */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.cause;
  }
}

/** Waits until the file's bytes and size are on the disk. */
export function syncData(handle: FileHandle): Promise<void> {
  return handle.datasync();
}
