import type { Awaitable } from "../concurrency/awaitable.ts";

/** Memory to gather bytes in, lent one buffer at a time. Release every buffer before you dispose of it. */
export interface GatherBuffers extends Disposable {
  /** Size of each buffer, in bytes. */
  readonly size: number;
  /** Resolves to a buffer to fill; waits if all are in use. */
  take(): Awaitable<Uint8Array>;
  /** Takes a buffer back. */
  release(buffer: Uint8Array): void;
}

/** Size and number of buffers. */
export interface GatherBounds {
  /** Size of each buffer, in bytes. */
  readonly size: number;
  /** Number of buffers, at least 2: one is filled while another is written. */
  readonly count: number;
}

/** Buffers that are created when first needed, and lent in the order of the requests. */
class LentBuffers {
  readonly #bounds: GatherBounds;
  readonly #make: (size: number) => Uint8Array;
  readonly #spare: Uint8Array[] = [];
  readonly #waiting: ((buffer: Uint8Array) => void)[] = [];
  #made = 0;

  constructor(bounds: GatherBounds, make: (size: number) => Uint8Array) {
    this.#bounds = bounds;
    this.#make = make;
  }

  take(): Awaitable<Uint8Array> {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    if (this.#made === this.#bounds.count) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#made += 1;
    return this.#make(this.#bounds.size);
  }

  release(buffer: Uint8Array): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#spare.push(buffer);
    else waiting(buffer);
  }
}

/** Buffers for one user; their memory is freed with them. */
export function privateBuffers(bounds: GatherBounds): GatherBuffers {
  const lent = new LentBuffers(bounds, (size) => Buffer.allocUnsafeSlow(size));
  return {
    size: bounds.size,
    take: () => lent.take(),
    release: (buffer) => lent.release(buffer),
    [Symbol.dispose]() {},
  };
}

/**
 * Large buffers for a few users at a time, in memory that threads can share. They are never freed.
 *
 * A user fills one buffer at a time and soon releases the others. So while there are more buffers than users, each user
 * gets the next one, no matter how slow the others are.
 */
export class SharedBuffers {
  readonly #bounds: GatherBounds;
  readonly #maxUsers: number;
  readonly #lent: LentBuffers;
  #users = 0;

  constructor(bounds: GatherBounds, maxUsers: number) {
    if (maxUsers >= bounds.count) throw new RangeError("there must be more buffers than users");
    this.#bounds = bounds;
    this.#maxUsers = maxUsers;
    this.#lent = new LentBuffers(bounds, (size) => new Uint8Array(new SharedArrayBuffer(size)));
  }

  /** Admits one more user until it disposes of the result; `undefined` if the maximum is reached. */
  enter(): GatherBuffers | undefined {
    if (this.#users === this.#maxUsers) return undefined;
    this.#users += 1;
    return {
      size: this.#bounds.size,
      take: () => this.#lent.take(),
      release: (buffer) => this.#lent.release(buffer),
      [Symbol.dispose]: () => {
        this.#users -= 1;
      },
    };
  }
}
