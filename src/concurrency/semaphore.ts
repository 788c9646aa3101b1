/** How many tasks can run at a time, and how many can wait. */
export interface SemaphoreOptions {
  readonly places: number;
  /** Further tasks fail with {@link TooManyWaiting}. By default, any number can wait. */
  readonly maxWaiting?: number;
}

/** The maximum number of tasks is already waiting. */
export class TooManyWaiting extends Error {
  override readonly name = "TooManyWaiting";
}

/** Lets a limited number of tasks run at a time. The others wait: first come, first served. */
export class Semaphore {
  readonly #places: number;
  readonly #maxWaiting: number;
  /** Below 0 while tasks that ran at once have the places of some that are still running. */
  #free: number;
  /** Places of tasks that ran at once. */
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor({ places, maxWaiting = Number.POSITIVE_INFINITY }: SemaphoreOptions) {
    this.#places = places;
    this.#free = places;
    this.#maxWaiting = maxWaiting;
  }

  /** Whether the next task has to wait. */
  get isFull(): boolean {
    return this.#free <= 0;
  }

  /** Number of waiting tasks. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `task` when there is a place.
   *
   * @throws {TooManyWaiting}
   * @throws the signal's reason if it is aborted before the task runs
   */
  async run<Value>(task: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    using _place = await this.enter(signal);
    return await task();
  }

  /** Runs `task` at once. It takes a place from those that wait, except the last one. */
  async runAtOnce<Value>(task: () => Promise<Value>): Promise<Value> {
    if (this.#taken >= this.#places - 1) return await task();
    this.#taken += 1;
    this.#free -= 1;
    try {
      return await task();
    } finally {
      this.#taken -= 1;
      this.#leave();
    }
  }

  /**
   * Waits for a place; the caller disposes of it.
   *
   * @throws {TooManyWaiting}
   * @throws the signal's reason as soon as it is aborted
   */
  async enter(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else if (this.#waiting.length >= this.#maxWaiting)
      throw new TooManyWaiting("too many are waiting already");
    else await this.#waitForTurn(signal);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#leave();
        isHeld = false;
      },
    };
  }

  async #waitForTurn(signal: AbortSignal | undefined): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const admit = turn.resolve;
    const giveUp = (): void => {
      const index = this.#waiting.indexOf(admit);
      // Admitted at the same moment: the task runs and sees the aborted signal itself.
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      turn.reject(signal?.reason);
    };
    this.#waiting.push(admit);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  #leave(): void {
    const next = this.#free < 0 ? undefined : this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
