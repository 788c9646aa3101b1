/** Lets one caller at a time work under a key, in the order they asked. Holds nothing of idle keys. */
export class KeyedLock<Key> {
  readonly #tails = new Map<Key, Promise<void>>();

  /** Runs `work` once all work that asked earlier for the same key has ended, however that ended. */
  async run<Result>(key: Key, work: () => Promise<Result>): Promise<Result> {
    const previous = this.#tails.get(key);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#tails.set(key, ended);
    try {
      await previous;
      return await work();
    } finally {
      if (this.#tails.get(key) === ended) this.#tails.delete(key);
      end();
    }
  }
}
