/** Runs tasks one at a time, in the order they came. */
export class AsyncMutex {
  #last: Promise<unknown> = Promise.resolve();

  /** What `task` gives, run once all earlier tasks have ended, well or not. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    // Whoever called gets the failure; the next in line only waits for the end.
    this.#last = result.catch(() => {});
    return result;
  }
}
