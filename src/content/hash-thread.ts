import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import type { HashAnswer, HashQuestion, HashRequest, SharedPiece } from "./hash-thread-worker.ts";

interface Waiting {
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Digests of a growing sequence of bytes that a {@link HashThread} computes. */
export interface ThreadHash {
  /** Whether the thread or an update failed. The hash is then invalid. */
  readonly isBroken: boolean;
  /** Hashes the next bytes. Do not change them until it resolves. Copies them if they are not in shared memory. */
  update(bytes: Uint8Array): Promise<void>;
  /** The hash of the bytes so far in hex; more may follow. */
  hex(algorithm: DigestAlgorithm): Promise<string>;
}

/** A thread that computes any number of hashes. The first hash starts it. */
export class HashThread implements Disposable {
  #worker: Worker | undefined;
  #failure: Error | undefined;
  #begun = 0;
  #shared = 0;
  readonly #memories = new WeakMap<SharedArrayBuffer, number>();
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  /** Frees the thread's part of a hash when ours is garbage-collected. */
  readonly #forgotten = new FinalizationRegistry<number>((hash) => this.#post({ kind: "end", hash }));

  /** Whether the thread failed and computes nothing any more. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /** Starts a hash in each of the algorithms. */
  begin(algorithms: Iterable<DigestAlgorithm>): ThreadHash {
    const hash = ++this.#begun;
    this.#post({ kind: "begin", hash, algorithms: [...algorithms] });
    const thread = this;
    let broken = false;
    const handle: ThreadHash = {
      get isBroken() {
        return broken || thread.isBroken;
      },
      update: async (bytes) => {
        try {
          await this.#ask({ kind: "update", hash, bytes: this.#piece(bytes) });
        } catch (error) {
          broken = true;
          throw error;
        }
      },
      hex: async (algorithm) => {
        const { hex } = await this.#ask({ kind: "digest", hash, algorithm });
        if (hex === undefined) throw new Error("the hash thread returned no digest");
        return hex;
      },
    };
    this.#forgotten.register(handle, hash);
    return handle;
  }

  /** Ends the thread; running work fails. */
  [Symbol.dispose](): void {
    this.#fail(new Error("the hash thread was ended"));
    this.#worker?.terminate();
  }

  #piece(bytes: Uint8Array): SharedPiece | Uint8Array {
    const { buffer, byteOffset: offset, byteLength: length } = bytes;
    if (!(buffer instanceof SharedArrayBuffer)) return bytes;
    let memory = this.#memories.get(buffer);
    if (memory === undefined) {
      memory = ++this.#shared;
      this.#memories.set(buffer, memory);
      this.#post({ kind: "share", memory, buffer });
    }
    return { memory, offset, length };
  }

  #ask(request: HashQuestion): Promise<HashAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const question = ++this.#asked;
      this.#waiting.set(question, { resolve, reject });
      this.#post({ ...request, question });
    });
  }

  #post(request: HashRequest): void {
    if (this.#failure !== undefined) return;
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(request);
    } catch (error) {
      this.#fail(new Error("the hash thread could not be started", { cause: error }));
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./hash-thread-worker.ts", import.meta.url));
    worker.onmessage = ({ data }: MessageEvent<HashAnswer>) => {
      const waiting = this.#waiting.get(data.question);
      this.#waiting.delete(data.question);
      if (data.failure === undefined) waiting?.resolve(data);
      else waiting?.reject(new Error(data.failure));
    };
    worker.onerror = (event) => this.#fail(new Error(`the hash thread failed: ${event.message}`));
    worker.addEventListener("close", () => this.#fail(new Error("the hash thread ended unexpectedly")));
    // A thread that waits for work must not keep the process alive.
    worker.unref();
    return worker;
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    for (const waiting of this.#waiting.values()) waiting.reject(failure);
    this.#waiting.clear();
  }
}
