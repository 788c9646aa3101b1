/** Work that a server repeats in the background. {@link Upkeep} runs it. */
export interface Job {
  /** Names the job in the log, and its lock. */
  readonly name: string;
  /**
   * Which instances run it. `registry`: one at a time of those that share the data. `instance`: each one, for a job
   * that concerns its host, or that takes its own locks.
   */
  readonly scope: "registry" | "instance";
  /** Time from the server's start to the first run, in milliseconds; by default it runs at once. */
  readonly firstAfterMs?: number;
  /** Time from the end of a run to the next one, in milliseconds. */
  readonly everyMs: number;
  /**
   * Maximum pause after failures, in milliseconds. The pause doubles with each failure in a row; by default it stays
   * {@link everyMs}.
   */
  readonly maxPauseMs?: number;
  /** What the log says when a run fails. */
  readonly failureMessage: string;
  /** Runs once. `signal` is aborted when the server stops. A failure is logged and does not end the schedule. */
  run(signal: AbortSignal): Promise<void>;
}
