/** The holder of a buffer, which can be made to yield it. */
export interface BufferHolder {
  /** When it got the buffer, on the clock of `performance.now()`. */
  readonly heldSince: number;
  /** Makes the holder store its bytes elsewhere, and release the buffer soon. */
  yieldBuffer(): void;
}

/** How long a holder may fill a buffer before it has to yield it to a waiting request, in milliseconds. */
const PATIENCE_MS = 1_000;
const CHECK_INTERVAL_MS = 250;

/**
 * A fixed number of buffers of one size, lent in the order of the requests.
 *
 * Slow clients cannot starve others. While a request waits, the holders that have had a buffer the longest must yield
 * it. Their bytes then wait in their connections until they get a buffer again.
 */
export class PartBuffers {
  readonly size: number;
  readonly #limit: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  readonly #waiting: ((buffer: Uint8Array<ArrayBuffer>) => void)[] = [];
  readonly #holders = new Set<BufferHolder>();
  #lent = 0;
  #check: ReturnType<typeof setInterval> | undefined;

  /**
   * Creates as many buffers of `size` bytes as `budget` allows, but at least two: one is filled while one is sent.
   */
  constructor(size: number, budget: number) {
    this.size = size;
    this.#limit = Math.max(2, Math.floor(budget / size));
  }

  /** A buffer for the holder's next part; waits until one is free. */
  async acquire(holder: BufferHolder): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = this.#take() ?? (await this.#wait());
    this.#holders.add(holder);
    return buffer;
  }

  /** Call this when the holder no longer fills its buffer. The buffer may still be in use. */
  retire(holder: BufferHolder): void {
    this.#holders.delete(holder);
  }

  /** Takes back a buffer that is no longer in use. */
  release(buffer: Uint8Array<ArrayBuffer>): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(buffer);
      return;
    }
    this.#lent -= 1;
    this.#free.push(buffer);
    // Buffers are reused while there are uploads. After the last one, all but one buffer are freed at once.
    if (this.#lent === 0) for (const each of this.#free.splice(1)) each.buffer.transfer(0);
  }

  #take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#lent >= this.#limit) return undefined;
    this.#lent += 1;
    return this.#free.pop() ?? new Uint8Array(this.size);
  }

  #wait(): Promise<Uint8Array<ArrayBuffer>> {
    this.#check ??= setInterval(() => this.#makeSlowHoldersYield(), CHECK_INTERVAL_MS);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #makeSlowHoldersYield(): void {
    if (this.#waiting.length === 0) {
      clearInterval(this.#check);
      this.#check = undefined;
      return;
    }
    const heldTooLong = performance.now() - PATIENCE_MS;
    const slow = [...this.#holders].filter(({ heldSince }) => heldSince < heldTooLong);
    slow.sort((one, other) => one.heldSince - other.heldSince);
    for (const holder of slow.slice(0, this.#waiting.length)) holder.yieldBuffer();
  }
}
