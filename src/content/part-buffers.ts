/** Who holds a buffer, and can be asked to give it up. */
export interface BufferHolder {
  /** When it got the buffer, as `performance.now()` tells it. */
  readonly heldSince: number;
  /** Asks the holder to put its bytes elsewhere and release the buffer soon. */
  yieldBuffer(): void;
}

/** Milliseconds after which a holder that has not filled its buffer is asked to make room for one that waits. */
const PATIENCE_MS = 1_000;
const CHECK_INTERVAL_MS = 250;

/**
 * A fixed number of buffers of one size, lent in the order they are asked for.
 *
 * Slow clients cannot starve the others: while somebody waits, those that have held a buffer the longest are asked
 * to yield it. Their bytes gather in the buffers of their connections until it is their turn again.
 */
export class PartBuffers {
  readonly size: number;
  readonly #limit: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  readonly #waiting: ((buffer: Uint8Array<ArrayBuffer>) => void)[] = [];
  readonly #holders = new Set<BufferHolder>();
  #lent = 0;
  #check: ReturnType<typeof setInterval> | undefined;

  /** As many buffers of `size` bytes as `budget` allows; two at least, so that one is filled while one is sent. */
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

  /** The holder no longer fills its buffer, which may still be in use. */
  retire(holder: BufferHolder): void {
    this.#holders.delete(holder);
  }

  /** Takes a buffer back that nobody uses any more. */
  release(buffer: Uint8Array<ArrayBuffer>): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(buffer);
      return;
    }
    this.#lent -= 1;
    this.#free.push(buffer);
    // Reused while there are uploads; afterwards the memory goes back at once, but for one buffer.
    if (this.#lent === 0) for (const each of this.#free.splice(1)) each.buffer.transfer(0);
  }

  #take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#lent >= this.#limit) return undefined;
    this.#lent += 1;
    return this.#free.pop() ?? new Uint8Array(this.size);
  }

  #wait(): Promise<Uint8Array<ArrayBuffer>> {
    this.#check ??= setInterval(() => this.#askSlowHolders(), CHECK_INTERVAL_MS);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #askSlowHolders(): void {
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
