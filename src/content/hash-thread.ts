import type { DigestAlgorithm } from "../oci/content-hash.ts";
import type { HashAnswer, HashRequest, SharedPiece } from "./hash-thread-worker.ts";

interface Waiting {
  readonly resolve: (answer: HashAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Digests of a growing sequence of bytes that a {@link HashThread} computes. */
export interface ThreadHash {
  /** Whether the thread failed: then the hash is worthless. */
  readonly isBroken: boolean;
  /** Hashes the next bytes, which must stay as they are until it resolves. Copies what is not in shared memory. */
  update(bytes: Uint8Array): Promise<void>;
  /** The hash of the bytes so far in hex; more may follow. */
  hex(algorithm: DigestAlgorithm): Promise<string>;
}

/** A thread that computes any number of hashes, each asked for in order. Starts with the first of them. */
export class HashThread implements Disposable {
  #worker: Worker | undefined;
  #failure: Error | undefined;
  #begun = 0;
  #shared = 0;
  readonly #memories = new WeakMap<SharedArrayBuffer, number>();
  readonly #waiting: Waiting[] = [];
  /** The thread's side of a hash goes with ours, however that is lost. */
  readonly #forgotten = new FinalizationRegistry<number>((hash) => this.#post({ kind: "end", hash }));

  /** Whether the thread failed and computes nothing any more. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /** A hash of no bytes yet, in each of the algorithms. */
  begin(algorithms: Iterable<DigestAlgorithm>): ThreadHash {
    const hash = ++this.#begun;
    this.#post({ kind: "begin", hash, algorithms: [...algorithms] });
    const thread = this;
    const handle: ThreadHash = {
      get isBroken() {
        return thread.isBroken;
      },
      update: async (bytes) => {
        await this.#ask({ kind: "update", hash, bytes: this.#piece(bytes) });
      },
      hex: async (algorithm) => {
        const { hex } = await this.#ask({ kind: "digest", hash, algorithm });
        if (hex === undefined) throw new Error("the hash thread gave no digest");
        return hex;
      },
    };
    this.#forgotten.register(handle, hash);
    return handle;
  }

  /** Ends the thread; what is under way fails. */
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

  #ask(request: HashRequest): Promise<HashAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#post(request);
    });
  }

  #post(request: HashRequest): void {
    if (this.#failure !== undefined) return;
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./hash-thread-worker.ts", import.meta.url));
    worker.onmessage = ({ data }: MessageEvent<HashAnswer>) => {
      const waiting = this.#waiting.shift();
      if (data.failure === undefined) waiting?.resolve(data);
      else waiting?.reject(new Error(data.failure));
    };
    worker.onerror = (event) => this.#fail(new Error(`the hash thread failed: ${event.message}`));
    // A thread that waits for work must not keep the process alive.
    worker.unref();
    return worker;
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(failure);
  }
}
