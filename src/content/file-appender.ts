import type { FileHandle } from "node:fs/promises";

/** How many bytes are written between two early flushes, so that the disk works while bytes still come in. */
const FLUSH_INTERVAL = 16 << 20;

/** Makes a file's bytes and size durable; rejects when the disk did not. */
export type SyncData = (handle: FileHandle) => Promise<void>;

/** What a {@link FileAppender} may hold. */
export interface GatheringBounds {
  /** Bytes of one write. */
  readonly bufferSize: number;
  /** Buffers, 2 or more: one that is filled, and those that wait to be written. */
  readonly buffers: number;
}

/**
 * Writes at the end of a file, one write in flight while the next ones are gathered.
 *
 * Copies what it is given into a few buffers: small chunks become few large writes, what is held does not depend on
 * how the source cuts its chunks, and a moment's wait for the disk does not stop the source.
 */
export class FileAppender {
  readonly #handle: FileHandle;
  readonly #syncData: SyncData;
  readonly #bounds: GatheringBounds;
  readonly #spare: Uint8Array[] = [];
  #position: number;
  #made = 0;
  #gathering: Uint8Array | undefined;
  #gathered = 0;
  #writing: Promise<void> = Promise.resolve();
  #released: (() => void) | undefined;
  #unflushed = 0;
  #flushing: Promise<void> | undefined;
  #flushFailure: { readonly cause: unknown } | undefined;
  #failed = false;

  constructor(handle: FileHandle, position: number, bounds: GatheringBounds, syncData: SyncData) {
    this.#handle = handle;
    this.#position = position;
    this.#bounds = bounds;
    this.#syncData = syncData;
  }

  /** Whether a flush failed: the system may have dropped bytes that it had taken, and says so only once. */
  get flushFailed(): boolean {
    return this.#flushFailure !== undefined;
  }

  /**
   * Takes the chunk; `undefined` when it was only gathered, else what to wait for before the next one. Rejects when
   * a write failed.
   */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#gathering !== undefined && chunk.byteLength < this.#bounds.bufferSize - this.#gathered) {
      this.#gather(this.#gathering, chunk);
      return undefined;
    }
    return this.#writeThrough(chunk);
  }

  /** Writes what is gathered, and waits for all that is in flight. */
  async finish(): Promise<void> {
    try {
      this.#submit();
      await this.#writing;
    } finally {
      await this.#flushing;
    }
    if (this.#flushFailure !== undefined) throw this.#flushFailure.cause;
  }

  async #writeThrough(chunk: Uint8Array): Promise<void> {
    const { bufferSize } = this.#bounds;
    for (let taken = 0; taken < chunk.byteLength; ) {
      this.#gathering ??= await this.#freeBuffer();
      const part = chunk.subarray(taken, taken + bufferSize - this.#gathered);
      this.#gather(this.#gathering, part);
      taken += part.byteLength;
      if (this.#gathered === bufferSize) this.#submit();
    }
  }

  #gather(buffer: Uint8Array, part: Uint8Array): void {
    buffer.set(part, this.#gathered);
    this.#gathered += part.byteLength;
  }

  /** A buffer to fill; waits for a write to end when all of them are full. Rejects when a write failed. */
  async #freeBuffer(): Promise<Uint8Array> {
    while (this.#spare.length === 0 && this.#made >= this.#bounds.buffers && !this.#failed) {
      await new Promise<void>((resolve) => {
        this.#released = resolve;
      });
    }
    if (this.#failed) await this.#writing;
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    this.#made += 1;
    return Buffer.allocUnsafeSlow(this.#bounds.bufferSize);
  }

  #submit(): void {
    const buffer = this.#gathering;
    if (buffer === undefined) return;
    const length = this.#gathered;
    this.#gathering = undefined;
    this.#gathered = 0;
    this.#writing = this.#writing.then(() => this.#writeAll(buffer, length));
    // Whoever wants the next buffer, or finishes, hears of the failure; until then nobody waits for this promise.
    this.#writing.catch(() => {
      this.#failed = true;
      this.#release();
    });
  }

  async #writeAll(buffer: Uint8Array, length: number): Promise<void> {
    for (let written = 0; written < length; ) {
      const { bytesWritten } = await this.#handle.write(buffer, written, length - written, this.#position);
      written += bytesWritten;
      this.#position += bytesWritten;
    }
    this.#spare.push(buffer);
    this.#release();
    this.#unflushed += length;
    if (this.#unflushed >= FLUSH_INTERVAL && this.#flushing === undefined) this.#flush();
  }

  #release(): void {
    this.#released?.();
    this.#released = undefined;
  }

  #flush(): void {
    this.#unflushed = 0;
    this.#flushing = this.#syncData(this.#handle)
      .catch((cause: unknown) => {
        this.#flushFailure ??= { cause };
      })
      .finally(() => {
        this.#flushing = undefined;
      });
  }
}

/** Waits until the disk holds the file's bytes and its size. */
export function syncData(handle: FileHandle): Promise<void> {
  return handle.datasync();
}
