/** Ends a wait early; does nothing once it is over. */
export type CancelTimer = () => void;

/** Measures durations, and runs timers. Tests use one that they advance by hand. */
export interface Clock {
  /** Milliseconds since some moment in the past; never goes back. */
  now(): number;
  /** Calls `run` once after `delayMs`, unless it is cancelled. Does not keep the process alive. */
  after(delayMs: number, run: () => void): CancelTimer;
  /** Resolves after `delayMs`, and keeps the process alive until then. */
  sleep(delayMs: number): Promise<void>;
}

/** The clock of this process. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  sleep: (delayMs) => Bun.sleep(delayMs),
};
