import { unlessAborted } from "./unless-aborted.ts";
import type { WorkLocks } from "./work-locks.ts";

/** Locks within this process, granted in the order of the calls. Unused names take no memory. */
export class KeyedLock implements WorkLocks {
  /** By name, a promise that resolves when the last caller in the queue has left. */
  readonly #tails = new Map<string, Promise<void>>();

  async run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const previous = this.#tails.get(name) ?? Promise.resolve();
    const { promise: left, resolve } = Promise.withResolvers<void>();
    this.#tails.set(name, left);
    const leave = () => {
      if (this.#tails.get(name) === left) this.#tails.delete(name);
      resolve();
    };
    try {
      await unlessAborted(previous, signal);
      signal?.throwIfAborted();
    } catch (error) {
      // Callers further back in the queue still wait for those in front.
      void previous.then(leave);
      throw error;
    }
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
