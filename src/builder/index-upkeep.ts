import type { CancelTimer, Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { PackageIndex } from "./package-index.ts";
import type { PackageSource } from "./package-source.ts";

/** The start and its first requests come before the first check, in milliseconds. */
const FIRST_CHECK_MS = 5_000;
/** Time between two checks of the sources, in milliseconds. */
const CHECK_AGAIN_MS = 10 * 60_000;
/** A source that keeps failing is tried less and less often, but at least this often, in milliseconds. */
const LONGEST_PAUSE_MS = 24 * 3_600_000;

/** Failures of a source since its last success. */
interface Failures {
  readonly count: number;
  readonly retryAt: number;
}

/**
 * Keeps the index up to date in the background, until disposed of, which stops what runs and waits for its end.
 *
 * One source is indexed at a time. No package lists are downloaded for it: it uses those that builds have brought here.
 */
export class IndexUpkeep implements AsyncDisposable {
  readonly #index: PackageIndex;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  readonly #failures = new Map<string, Failures>();
  #cancelTimer: CancelTimer;
  #round: Promise<void> = Promise.resolve();

  constructor(index: PackageIndex, clock: Clock, log: Logger) {
    this.#index = index;
    this.#clock = clock;
    this.#log = log;
    this.#cancelTimer = this.#after(FIRST_CHECK_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(new Error("the server is stopping"));
    this.#cancelTimer();
    await this.#round;
  }

  #after(delayMs: number): CancelTimer {
    return this.#clock.after(delayMs, () => {
      this.#round = this.#check();
    });
  }

  async #check(): Promise<void> {
    for (const source of this.#index.sources) {
      if (this.#clock.now() >= (this.#failures.get(source.name)?.retryAt ?? 0)) await this.#update(source);
    }
    if (!this.#stopped.signal.aborted) this.#cancelTimer = this.#after(CHECK_AGAIN_MS);
  }

  /** Never rejects. */
  async #update(source: PackageSource): Promise<void> {
    const { signal } = this.#stopped;
    const { name } = source;
    try {
      signal.throwIfAborted();
      if (!(await source.available()).available) return;
      const update = await this.#index.update(name, { signal, refresh: false });
      this.#failures.delete(name);
      if (update.outcome === "written") {
        this.#log.info({ source: name, packages: update.packageCount }, "packages indexed for searches");
      }
    } catch (error) {
      if (signal.aborted) return;
      const count = (this.#failures.get(name)?.count ?? 0) + 1;
      const pauseMs = Math.min(CHECK_AGAIN_MS * 2 ** (count - 1), LONGEST_PAUSE_MS);
      this.#failures.set(name, { count, retryAt: this.#clock.now() + pauseMs });
      this.#log.warn(
        { source: name, err: error },
        "indexing packages failed; searches use the previous index",
      );
    }
  }
}
