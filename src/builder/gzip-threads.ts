import { WorkerClient } from "../threads/worker-client.ts";

/** Threads that compress, so that layers use all processors and the server's own thread is free. */
export class GzipThreads implements Disposable {
  readonly #threads: readonly WorkerClient<Uint8Array, Uint8Array>[];
  #next = 0;

  /**
   * @param count at least 1; a thread starts when it gets its first block
   * @param onFailure called when a thread failed; the thread is replaced
   */
  constructor(count: number, onFailure?: (failure: Error) => void) {
    const start = () => new Worker(new URL("./gzip-thread-worker.ts", import.meta.url));
    this.#threads = Array.from({ length: count }, () => new WorkerClient({ start, onFailure }));
  }

  /**
   * The gzip member of a block; the caller can change the block as soon as this returns. Concatenated members are a
   * gzip file.
   */
  compress(block: Uint8Array): Promise<Uint8Array> {
    const thread = this.#threads[this.#next];
    this.#next = (this.#next + 1) % this.#threads.length;
    return thread?.ask(block) ?? Promise.reject(new Error("no compression thread is running"));
  }

  /** Ends the threads; running compressions fail. */
  [Symbol.dispose](): void {
    for (const thread of this.#threads) thread[Symbol.dispose]();
  }
}
