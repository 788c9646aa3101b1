/** Work that a server repeats in the background. {@link Upkeep} runs it. */
export interface Job {
  /** Names the job in the log, and its lock. */
  readonly name: string;
  /**
   * Who runs it: one instance at a time of those that share the data, or each instance, for a job that concerns its own
   * host, or that locks what it writes itself.
   */
  readonly scope: "registry" | "instance";
  /** Time from the server's start to the first run, in milliseconds; by default it runs at once. */
  readonly firstAfterMs?: number;
  /** Time from the end of a run to the next one, in milliseconds. */
  readonly everyMs: number;
  /**
   * A job that keeps failing waits twice as long each time, up to so many milliseconds; by default it is tried again
   * after {@link everyMs}.
   */
  readonly longestPauseMs?: number;
  /** What the log says when a run fails. */
  readonly failureMessage: string;
  /** Runs once. `signal` is aborted when the server stops. A failure is logged, and the next run comes as usual. */
  run(signal: AbortSignal): Promise<void>;
}
