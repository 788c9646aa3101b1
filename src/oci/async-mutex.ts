/** Runs tasks one at a time, in the order of the calls. */
export class AsyncMutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `task` after all earlier tasks have ended, even if they failed; resolves to its result. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    // The caller of a task gets its failure; the next task only waits for its end.
    this.#last = result.catch(() => {});
    return result;
  }
}
