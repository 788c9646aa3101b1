import type { WorkLocks } from "./work-locks.ts";

/** Locks of this process, given in the order they were asked for. Holds nothing of idle names. */
export class KeyedLock implements WorkLocks {
  readonly #tails = new Map<string, Promise<void>>();

  async run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const previous = this.#tails.get(name);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#tails.set(name, ended);
    try {
      await previous;
      signal?.throwIfAborted();
      return await work();
    } finally {
      if (this.#tails.get(name) === ended) this.#tails.delete(name);
      end();
    }
  }
}
