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

/** Waits for the promise. @throws the signal's reason as soon as that is aborted */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    await Promise.race([promise, aborted]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
