import type { InterruptibleSource } from "../bytes/interruptible-source.ts";
import type { WorkLocks } from "../concurrency/work-locks.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { UploadId } from "./content-driver.ts";

/** How long requests for one upload wait for each other. */
export interface UploadPatience {
  /** How long a request waits for the one before it, in milliseconds. */
  readonly waitMs: number;
  /** An append that gets no byte for this long ends if another request waits, in milliseconds. */
  readonly silenceMs: number;
}

const DEFAULT_PATIENCE: UploadPatience = { waitMs: 2_000, silenceMs: 5_000 };

/** Number of times that a waiting request checks the one it waits for. */
const CHECKS = 10;

/** An append that holds its upload's lock. */
export interface RunningAppend {
  readonly source: InterruptibleSource;
  /** The size to report while it runs; without it, the stored size. */
  readonly acknowledgedSize?: number;
}

/** A running read of the stored size. */
interface SizeRead {
  /** The size that the first append since then acknowledges, if any. */
  acknowledgedSize: number | undefined;
}

/** Admits one request at a time for each upload. No request waits for long, and a silent client loses its turn. */
export class UploadTurns {
  readonly #locks: WorkLocks;
  readonly #patience: UploadPatience;
  /** The running appends of this process, at most one for each upload. */
  readonly #appends = new Map<UploadId, RunningAppend>();
  /** The running reads of stored sizes. */
  readonly #sizeReads = new Map<UploadId, Set<SizeRead>>();
  /** The uploads that a request of this process is ending. */
  readonly #ending = new Set<UploadId>();

  constructor(locks: WorkLocks, patience = DEFAULT_PATIENCE) {
    this.#locks = locks;
    this.#patience = patience;
  }

  /**
   * Runs `work` once no other request works on the upload.
   *
   * If the upload is held by an append of this process whose client is silent, this ends that append.
   *
   * @throws {RegistryError} `upload-busy` if the upload does not become free in time; `upload-cancelled` if it is
   * ended in the meantime
   */
  run<Result>(id: UploadId, work: () => Promise<Result>): Promise<Result> {
    return this.#run(id, () => {
      if (this.#ending.has(id)) throw cancelled();
      return work();
    });
  }

  /**
   * Ends the upload's running append in this process, fails all waiting requests, then runs `work`.
   *
   * @throws {RegistryError} `upload-busy` if the upload does not become free in time
   */
  async end(id: UploadId, work: () => Promise<void>): Promise<void> {
    this.#ending.add(id);
    try {
      this.find(id)?.source.interrupt(cancelled());
      await this.#run(id, work);
    } finally {
      this.#ending.delete(id);
    }
  }

  /** Registers an append until the result is disposed of. Call it inside {@link run}. */
  enter(id: UploadId, append: RunningAppend): Disposable {
    this.#appends.set(id, append);
    for (const read of this.#sizeReads.get(id) ?? []) read.acknowledgedSize ??= append.acknowledgedSize;
    if (this.#ending.has(id)) append.source.interrupt(cancelled());
    return { [Symbol.dispose]: () => void this.#appends.delete(id) };
  }

  /** The upload's running append in this process. */
  find(id: UploadId): RunningAppend | undefined {
    return this.#appends.get(id);
  }

  /**
   * The size of the upload to report to clients: the size that a running append acknowledges, or else the stored one.
   *
   * `readStored` can take a while. An append that starts in the meantime counts too, even if it has ended: its bytes,
   * which `readStored` may have seen, may be gone.
   */
  async sizeOf(id: UploadId, readStored: () => Promise<number>): Promise<number> {
    const read: SizeRead = { acknowledgedSize: this.find(id)?.acknowledgedSize };
    if (read.acknowledgedSize !== undefined) return read.acknowledgedSize;
    const reads = this.#sizeReads.get(id) ?? new Set();
    this.#sizeReads.set(id, reads.add(read));
    try {
      const stored = await readStored();
      return read.acknowledgedSize ?? stored;
    } finally {
      reads.delete(read);
      if (reads.size === 0) this.#sizeReads.delete(id);
    }
  }

  async #run<Result>(id: UploadId, work: () => Promise<Result>): Promise<Result> {
    const { waitMs } = this.#patience;
    const giveUp = new AbortController();
    const giveUpAt = performance.now() + waitMs;
    const check = () => {
      this.#endIfSilent(id);
      if (performance.now() >= giveUpAt)
        giveUp.abort(busy("another request is still working on this upload"));
    };
    this.#endIfSilent(id);
    const timer = setInterval(check, waitMs / CHECKS);
    const begin = async () => {
      clearInterval(timer);
      return await work();
    };
    try {
      return await this.#locks.run(`upload/${id}`, begin, giveUp.signal);
    } finally {
      clearInterval(timer);
    }
  }

  #endIfSilent(id: UploadId): void {
    const source = this.find(id)?.source;
    if (source === undefined || source.silentMs < this.#patience.silenceMs) return;
    source.interrupt(
      busy("another request took over this upload, because this one sent nothing for several seconds"),
    );
  }
}

function busy(message: string): RegistryError {
  return new RegistryError("upload-busy", message);
}

function cancelled(): RegistryError {
  return new RegistryError("upload-cancelled", "the upload was cancelled");
}
