import { WorkerClient } from "../threads/worker-client.ts";
import { BLOCK_BYTES } from "./gzip-settings.ts";

/** A block, where a thread can read it: sent without being copied. */
type SharedBlock = Uint8Array<SharedArrayBuffer>;

/** Buffers to keep for each thread while nothing is compressed. */
const KEPT_BUFFERS = 2;

/** Threads that compress, so that layers use all processors and the server's own thread is free. */
export class GzipThreads implements Disposable {
  readonly #threads: readonly WorkerClient<SharedBlock, Uint8Array>[];
  /** Used again, because the system takes longer to give new memory than to fill it. */
  readonly #buffers: SharedArrayBuffer[] = [];
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
  async compress(block: Uint8Array): Promise<Uint8Array> {
    const thread = this.#threads[this.#next];
    if (thread === undefined) throw new Error("no compression thread is running");
    this.#next = (this.#next + 1) % this.#threads.length;
    const shared = this.#share(block);
    try {
      return await thread.ask(shared);
    } finally {
      if (this.#buffers.length < KEPT_BUFFERS * this.#threads.length) this.#buffers.push(shared.buffer);
    }
  }

  #share(block: Uint8Array): SharedBlock {
    const size = block.byteLength;
    const kept = size <= BLOCK_BYTES ? this.#buffers.pop() : undefined;
    const shared = new Uint8Array(kept ?? new SharedArrayBuffer(Math.max(size, BLOCK_BYTES)), 0, size);
    shared.set(block);
    return shared;
  }

  /** Ends the threads; running compressions fail. */
  [Symbol.dispose](): void {
    for (const thread of this.#threads) thread[Symbol.dispose]();
  }
}
