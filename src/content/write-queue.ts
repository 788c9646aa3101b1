import type { Awaitable } from "../concurrency/awaitable.ts";

/** Receives bytes before they are written. They do not change until it resolves. */
export type Tap = (piece: Uint8Array) => Awaitable<void>;

/** Writes some of the bytes at `position`; resolves to their number. */
export type WriteSome = (bytes: Uint8Array, position: number) => Promise<number>;

/** Writes pieces one after another, each where the last one ended, and passes them to a tap. */
export class WriteQueue {
  readonly #write: WriteSome;
  readonly #tap: Tap;
  #position: number;
  /** The last write. After a failed one, all others fail without writing. */
  #lastWrite: Promise<void> = Promise.resolve();
  /** Resolves when every piece is written and tapped, or has failed. */
  #idle: Promise<void> = Promise.resolve();
  #failure: { readonly cause: unknown } | undefined;

  constructor(position: number, write: WriteSome, tap: Tap) {
    this.#position = position;
    this.#write = write;
    this.#tap = tap;
  }

  /**
   * Adds a piece. Calls `release` when its bytes are no longer in use, in the order of the pieces, also after a
   * failure.
   */
  push(piece: Uint8Array, release: () => void): void {
    const tapped = this.#tapped(piece);
    const written = this.#lastWrite.then(() => this.#writeAll(piece));
    this.#lastWrite = written;
    const before = this.#idle;
    this.#idle = Promise.allSettled([written, tapped]).then(async (results) => {
      await before;
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) this.#failure ??= { cause: failed.reason };
      release();
    });
  }

  /** Waits until the queue is empty. Never rejects; see {@link throwIfFailed}. */
  async idle(): Promise<void> {
    await this.#idle;
  }

  /** @throws the error of the first piece that failed */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  /** A tap that throws is treated like one that rejects. */
  async #tapped(piece: Uint8Array): Promise<void> {
    await this.#tap(piece);
  }

  async #writeAll(piece: Uint8Array): Promise<void> {
    for (let written = 0; written < piece.byteLength; ) {
      const count = await this.#write(piece.subarray(written), this.#position);
      written += count;
      this.#position += count;
    }
  }
}
