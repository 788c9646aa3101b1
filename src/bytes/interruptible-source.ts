import type { ByteSource } from "./byte-source.ts";

/** A source that can be interrupted from outside, even while it waits for its next chunk. Read it once. */
export class InterruptibleSource implements ByteSource {
  readonly #source: ByteSource;
  #askedAt: number | undefined;
  #reason: Error | undefined;
  /** Ends the wait for a chunk. */
  #reject: ((reason: Error) => void) | undefined;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** How long the reader has been waiting for the next chunk, in milliseconds; 0 if it is not waiting. */
  get silentMs(): number {
    return this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
  }

  /** Makes the reader fail with `reason`. Does nothing if the source has ended. */
  interrupt(reason: Error): void {
    this.#reason ??= reason;
    this.#reject?.(reason);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const iterator = this.#source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#next(iterator);
        if (done) return;
        yield value;
      }
    } finally {
      const returned = iterator.return?.();
      // An interrupted source may not end before its client does. Do not wait for it, and ignore how it ends.
      if (this.#reason === undefined) await returned;
      else returned?.catch(() => undefined);
    }
  }

  async #next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#reason !== undefined) throw this.#reason;
    this.#askedAt = performance.now();
    try {
      // Do not race with one long-lived promise: it would hold on to the promise of every chunk.
      return await new Promise((resolve, reject) => {
        this.#reject = reject;
        iterator.next().then(resolve, reject);
      });
    } finally {
      this.#reject = undefined;
      this.#askedAt = undefined;
    }
  }
}
