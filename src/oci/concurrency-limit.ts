/** Limits how many tasks run at a time; the others wait, first come first served. */
export class ConcurrencyLimit {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /**
   * Runs `task` when it is its turn.
   *
   * @throws `signal`'s reason when it is aborted before the turn came; the task does not run then
   */
  async run<Value>(task: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    await this.#enter(signal);
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    const admit = turn.resolve;
    const giveUp = (): void => {
      const place = this.#waiting.indexOf(admit);
      // It was admitted at the same moment: the task runs and sees the aborted signal itself.
      if (place < 0) return;
      this.#waiting.splice(place, 1);
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
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
