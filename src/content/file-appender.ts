import type { FileHandle } from "node:fs/promises";

/** How many bytes are written between two early flushes, so that the disk works while bytes still come in. */
const FLUSH_INTERVAL = 16 << 20;

/** Makes a file's bytes and size durable; rejects when the disk did not. */
export type SyncData = (handle: FileHandle) => Promise<void>;

/**
 * Writes at the end of a file, one write in flight while the next one is gathered.
 *
 * Copies what it is given, into two buffers of `bufferSize` bytes: small chunks become few large writes, and what
 * is held does not depend on how the source cuts its chunks.
 */
export class FileAppender {
  readonly #handle: FileHandle;
  readonly #syncData: SyncData;
  readonly #bufferSize: number;
  #position: number;
  #gathering: Uint8Array | undefined;
  #gathered = 0;
  #spare: Uint8Array | undefined;
  #writing: Promise<void> = Promise.resolve();
  #unflushed = 0;
  #flushing: Promise<void> | undefined;
  #flushFailure: { readonly cause: unknown } | undefined;

  constructor(handle: FileHandle, position: number, bufferSize: number, syncData: SyncData) {
    this.#handle = handle;
    this.#position = position;
    this.#bufferSize = bufferSize;
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
    if (chunk.byteLength >= this.#bufferSize - this.#gathered) return this.#writeThrough(chunk);
    this.#gather(chunk);
    return undefined;
  }

  async #writeThrough(chunk: Uint8Array): Promise<void> {
    let taken = 0;
    while (taken < chunk.byteLength) {
      const part = chunk.subarray(taken, taken + this.#bufferSize - this.#gathered);
      this.#gather(part);
      taken += part.byteLength;
      if (this.#gathered === this.#bufferSize) await this.#submit();
    }
  }

  #gather(part: Uint8Array): void {
    if (this.#gathering === undefined) {
      this.#gathering = this.#spare ?? Buffer.allocUnsafeSlow(this.#bufferSize);
      this.#spare = undefined;
    }
    this.#gathering.set(part, this.#gathered);
    this.#gathered += part.byteLength;
  }

  /** Writes what is gathered, and waits for all that is in flight. */
  async finish(): Promise<void> {
    try {
      if (this.#gathered > 0) await this.#submit();
      await this.#writing;
    } finally {
      await this.#flushing;
    }
    if (this.#flushFailure !== undefined) throw this.#flushFailure.cause;
  }

  async #submit(): Promise<void> {
    await this.#writing;
    const buffer = this.#gathering;
    if (buffer === undefined) return;
    const length = this.#gathered;
    this.#gathering = undefined;
    this.#gathered = 0;
    this.#writing = this.#writeAll(buffer, length);
    // The next submit or finish reports the failure; until then nobody waits for this promise.
    this.#writing.catch(() => undefined);
  }

  async #writeAll(buffer: Uint8Array, length: number): Promise<void> {
    for (let written = 0; written < length; ) {
      const { bytesWritten } = await this.#handle.write(buffer, written, length - written, this.#position);
      written += bytesWritten;
      this.#position += bytesWritten;
    }
    this.#spare = buffer;
    this.#unflushed += length;
    if (this.#unflushed >= FLUSH_INTERVAL && this.#flushing === undefined) this.#flush();
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
