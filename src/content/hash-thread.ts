import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import { WorkerClient } from "../threads/worker-client.ts";
import type { HashAnswer, HashRequest, SharedPiece } from "./hash-thread-worker.ts";

/** Digests of a growing sequence of bytes that a {@link HashThread} computes. */
export interface ThreadHash {
  /** Whether the thread or an update failed. The hash is then invalid. */
  readonly isBroken: boolean;
  /** Hashes the next bytes. Do not change them until it resolves. Copies them if they are not in shared memory. */
  update(bytes: Uint8Array): Promise<void>;
  /** The hash of the bytes so far, in hex; more bytes can follow. */
  hex(algorithm: DigestAlgorithm): Promise<string>;
}

/**
 * A thread that computes any number of hashes. The first hash starts it. If the thread fails, its hashes are broken, and the
 * next hash starts another one.
 */
export class HashThread implements Disposable {
  readonly #thread: WorkerClient<HashRequest, HashAnswer>;
  #hashCount = 0;
  #memoryCount = 0;
  /** Numbers by which the thread knows shared memory, valid for one generation of it. */
  #memories = new WeakMap<SharedArrayBuffer, number>();
  #memoriesGeneration = 0;
  /** Frees the thread's part of a hash when ours is garbage-collected. */
  readonly #forgotten = new FinalizationRegistry<{ readonly hash: number; readonly generation: number }>(
    ({ hash, generation }) => {
      if (generation === this.#thread.generation) this.#thread.tell({ kind: "end", hash });
    },
  );

  /** @param onFailure called when the thread fails */
  constructor(onFailure?: (failure: Error) => void) {
    const start = () => new Worker(new URL("./hash-thread-worker.ts", import.meta.url));
    this.#thread = new WorkerClient({ start, onFailure });
  }

  /** Starts a hash in each of the algorithms. */
  begin(algorithms: Iterable<DigestAlgorithm>): ThreadHash {
    const hash = ++this.#hashCount;
    const { generation } = this.#thread;
    this.#thread.tell({ kind: "begin", hash, algorithms: [...algorithms] });
    const thread = this.#thread;
    let hasFailed = false;
    const handle: ThreadHash = {
      get isBroken() {
        return hasFailed || thread.generation !== generation;
      },
      update: async (bytes) => {
        try {
          await thread.ask({ kind: "update", hash, bytes: this.#piece(bytes) });
        } catch (error) {
          hasFailed = true;
          throw error;
        }
      },
      hex: async (algorithm) => {
        const { hex } = await thread.ask({ kind: "digest", hash, algorithm });
        if (hex === undefined) throw new Error("the hash thread returned no digest");
        return hex;
      },
    };
    this.#forgotten.register(handle, { hash, generation });
    return handle;
  }

  /** Ends the thread; running work fails. */
  [Symbol.dispose](): void {
    this.#thread[Symbol.dispose]();
  }

  #piece(bytes: Uint8Array): SharedPiece | Uint8Array {
    const { buffer, byteOffset: offset, byteLength: length } = bytes;
    if (!(buffer instanceof SharedArrayBuffer)) return bytes;
    if (this.#memoriesGeneration !== this.#thread.generation) {
      this.#memories = new WeakMap();
      this.#memoriesGeneration = this.#thread.generation;
    }
    let memory = this.#memories.get(buffer);
    if (memory === undefined) {
      memory = ++this.#memoryCount;
      this.#memories.set(buffer, memory);
      this.#thread.tell({ kind: "share", memory, buffer });
    }
    return { memory, offset, length };
  }
}
