import type { AppendFile } from "./append-file.ts";
import { EarlyFlush, type SyncData } from "./early-flush.ts";
import type { GatherBuffers } from "./gather-buffers.ts";
import { type Tap, WriteQueue } from "./write-queue.ts";

/** The parts of a {@link FileAppender}. */
export interface FileAppenderParts {
  readonly file: AppendFile;
  /** The size of the file. */
  readonly position: number;
  /** The caller disposes of them after the appender has finished. */
  readonly buffers: GatherBuffers;
  readonly tap: Tap;
  readonly syncData: SyncData;
  /** Called before each write; throws if nothing may be written. */
  readonly requireSpace: () => void;
}

/**
 * Appends to a file: gathers the next bytes while one write runs.
 *
 * Copies chunks into a few buffers. So many small chunks become few large writes, memory does not depend on the size of
 * the chunks, and a short wait for the disk or the tap does not stop the source.
 */
export class FileAppender {
  readonly #buffers: GatherBuffers;
  readonly #queue: WriteQueue;
  readonly #flush: EarlyFlush;
  /** The buffer that is being filled, and the number of bytes in it. */
  #buffer: Uint8Array | undefined;
  #filled = 0;

  constructor({ file, position, buffers, tap, syncData, requireSpace }: FileAppenderParts) {
    this.#buffers = buffers;
    this.#flush = new EarlyFlush(file, syncData);
    const write = async (bytes: Uint8Array, at: number) => {
      requireSpace();
      const count = await file.write(bytes, at);
      this.#flush.afterWrite();
      return count;
    };
    this.#queue = new WriteQueue(position, write, tap);
  }

  /** Whether a flush failed: bytes that were accepted may be lost. */
  get hasFlushFailed(): boolean {
    return this.#flush.hasFailed;
  }

  /**
   * Takes the chunk. Returns `undefined` if it was only gathered, otherwise a promise to await before the next one.
   * Rejects if a write failed.
   */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#buffer !== undefined && chunk.byteLength < this.#buffers.size - this.#filled) {
      this.#gather(this.#buffer, chunk);
      return undefined;
    }
    return this.#writeThrough(chunk);
  }

  /** Writes the gathered bytes, and waits for all running writes. */
  async finish(): Promise<void> {
    this.#submit();
    await this.#queue.idle();
    await this.#flush.idle();
    this.#queue.throwIfFailed();
    this.#flush.throwIfFailed();
  }

  async #writeThrough(chunk: Uint8Array): Promise<void> {
    const { size } = this.#buffers;
    for (let taken = 0; taken < chunk.byteLength; ) {
      this.#buffer ??= await this.#buffers.take();
      this.#queue.throwIfFailed();
      const part = chunk.subarray(taken, taken + size - this.#filled);
      this.#gather(this.#buffer, part);
      taken += part.byteLength;
      if (this.#filled === size) this.#submit();
    }
  }

  #gather(buffer: Uint8Array, part: Uint8Array): void {
    buffer.set(part, this.#filled);
    this.#filled += part.byteLength;
  }

  /** Passes the gathered bytes to the queue. */
  #submit(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#queue.push(buffer.subarray(0, this.#filled), () => this.#buffers.release(buffer));
    this.#buffer = undefined;
    this.#filled = 0;
  }
}
