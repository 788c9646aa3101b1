import type { Clock } from "../clock.ts";
import type { WorkLocks } from "../concurrency/work-locks.ts";
import type { Logger } from "../log.ts";
import type { Job } from "./job.ts";

/** The parts that {@link Upkeep} works with. */
export interface UpkeepParts {
  /** Locks that all instances on the same data share. */
  readonly locks: WorkLocks;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Repeats jobs in the background, each on its own schedule. Disposing of it stops running jobs, and waits until they
 * have ended.
 */
export class Upkeep implements AsyncDisposable {
  readonly #parts: UpkeepParts;
  readonly #stopped = new AbortController();
  readonly #jobs: Promise<void>[] = [];

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  /** Starts the schedule of a job. */
  start(job: Job): void {
    this.#jobs.push(this.#repeat(job));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(new Error("the server is stopping"));
    await Promise.all(this.#jobs);
  }

  async #repeat(job: Job): Promise<void> {
    const { signal } = this.#stopped;
    if (job.firstAfterMs !== undefined) await this.#pause(job.firstAfterMs);
    for (let failures = 0; !signal.aborted; ) {
      failures = (await this.#succeeds(job)) ? 0 : failures + 1;
      await this.#pause(pauseMs(job, failures));
    }
  }

  /** Runs a job once. Never rejects. */
  async #succeeds(job: Job): Promise<boolean> {
    const { locks, log } = this.#parts;
    const { signal } = this.#stopped;
    try {
      if (job.scope === "instance") await job.run(signal);
      else await locks.run(`upkeep/${job.name}`, () => job.run(signal), signal);
      return true;
    } catch (err) {
      if (!signal.aborted) log.warn({ err, job: job.name }, job.failureMessage);
      return false;
    }
  }

  /** Waits for `durationMs`, or until the server stops. */
  async #pause(durationMs: number): Promise<void> {
    const { signal } = this.#stopped;
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.clock.after(durationMs, resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    cancel();
  }
}

function pauseMs({ everyMs, maxPauseMs = everyMs }: Job, failures: number): number {
  return failures === 0 ? everyMs : Math.min(everyMs * 2 ** (failures - 1), maxPauseMs);
}
