import type { FileHandle } from "node:fs/promises";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { AppendFile } from "./append-file.ts";
import type { GatherBuffers } from "./gather-buffers.ts";

/** Bytes between two early flushes, so that the disk works while bytes still arrive. */
const FLUSH_INTERVAL = 16 << 20;

/** Makes a file's bytes and size durable; rejects if the disk fails. */
export type SyncData = (handle: FileHandle) => Promise<void>;

/** Gets bytes before they are written. They do not change until it resolves. */
export type Tap = (piece: Uint8Array) => Awaitable<void>;

/** The parts of a {@link FileAppender}. */
export interface FileAppenderParts {
  readonly file: AppendFile;
  /** The size of the file. */
  readonly position: number;
  /** The caller disposes of them after the appender has finished. */
  readonly buffers: GatherBuffers;
  readonly tap: Tap;
  readonly syncData: SyncData;
}

/**
 * Appends to a file: gathers the next bytes while one write runs.
 *
 * Copies chunks into a few buffers. So many small chunks become few large writes, the memory does not depend on the
 * size of the chunks, and a short wait for the disk or the tap does not stop the source.
 */
export class FileAppender {
  readonly #file: AppendFile;
  readonly #syncData: SyncData;
  readonly #buffers: GatherBuffers;
  readonly #tap: Tap;
  #position: number;
  #gathering: Uint8Array | undefined;
  #gathered = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Resolves when everything submitted is written and tapped. */
  #done: Promise<unknown> = Promise.resolve();
  /** Resolves when the last submitted buffer is released. Buffers are released in order. */
  #released: Promise<void> = Promise.resolve();
  #flushedBytes = 0;
  #flushing: Promise<void> | undefined;
  #flushFailure: { readonly cause: unknown } | undefined;
  #failed = false;

  constructor({ file, position, buffers, tap, syncData }: FileAppenderParts) {
    this.#file = file;
    this.#position = position;
    this.#buffers = buffers;
    this.#tap = tap;
    this.#syncData = syncData;
  }

  /** Whether a flush failed. The system may then have dropped bytes it had accepted, and reports that only once. */
  get flushFailed(): boolean {
    return this.#flushFailure !== undefined;
  }

  /**
   * Takes the chunk. Returns `undefined` if it was only gathered, otherwise a promise to await before the next one.
   * Rejects if a write failed.
   */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#gathering !== undefined && chunk.byteLength < this.#buffers.size - this.#gathered) {
      this.#gather(this.#gathering, chunk);
      return undefined;
    }
    return this.#writeThrough(chunk);
  }

  /** Writes what is gathered, and waits for all that is in flight. */
  async finish(): Promise<void> {
    try {
      this.#submit();
      await this.#done;
    } finally {
      await this.#released;
      await this.#flushing;
    }
    if (this.#flushFailure !== undefined) throw this.#flushFailure.cause;
  }

  async #writeThrough(chunk: Uint8Array): Promise<void> {
    const { size } = this.#buffers;
    for (let taken = 0; taken < chunk.byteLength; ) {
      this.#gathering ??= await this.#buffers.take();
      if (this.#failed) await this.#done;
      const part = chunk.subarray(taken, taken + size - this.#gathered);
      this.#gather(this.#gathering, part);
      taken += part.byteLength;
      if (this.#gathered === size) this.#submit();
    }
  }

  #gather(buffer: Uint8Array, part: Uint8Array): void {
    buffer.set(part, this.#gathered);
    this.#gathered += part.byteLength;
  }

  #submit(): void {
    const buffer = this.#gathering;
    if (buffer === undefined) return;
    const length = this.#gathered;
    this.#gathering = undefined;
    this.#gathered = 0;
    const tapped = this.#tapped(buffer.subarray(0, length));
    const written = this.#writing.then(() => this.#writeAll(buffer, length));
    this.#writing = written;
    this.#done = Promise.all([this.#done, written, tapped]);
    // The next write, or the finish, reports the failure. Until then nobody awaits this promise.
    this.#done.catch(() => {
      this.#failed = true;
    });
    this.#released = Promise.allSettled([written, tapped]).then(() => this.#buffers.release(buffer));
  }

  /** A tap that throws is treated like one that rejects: the buffer is released too. */
  #tapped(piece: Uint8Array): Awaitable<void> {
    try {
      return this.#tap(piece);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #writeAll(buffer: Uint8Array, length: number): Promise<void> {
    for (let written = 0; written < length; ) {
      const count = await this.#file.write(buffer.subarray(written, length), this.#position);
      written += count;
      this.#position += count;
    }
    const unflushed = this.#file.cachedBytes - this.#flushedBytes;
    if (unflushed >= FLUSH_INTERVAL && this.#flushing === undefined) this.#flush();
  }

  #flush(): void {
    this.#flushedBytes = this.#file.cachedBytes;
    this.#flushing = this.#syncData(this.#file.handle)
      .catch((cause: unknown) => {
        this.#flushFailure ??= { cause };
      })
      .finally(() => {
        this.#flushing = undefined;
      });
  }
}

/** Waits until the file's bytes and size are on the disk. */
export function syncData(handle: FileHandle): Promise<void> {
  return handle.datasync();
}
