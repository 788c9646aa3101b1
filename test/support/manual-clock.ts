import type { CancelTimer, Clock } from "../../src/clock.ts";
import { nextTurn } from "../../src/concurrency/next-turn.ts";

interface Timer {
  readonly dueAt: number;
  readonly run: () => void;
}

/** A clock that moves only when a test advances it. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now: number;

  constructor(now = 1_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): CancelTimer {
    const timer = { dueAt: this.#now + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Number of pending timers. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Advances the clock by `byMs` as if the thread were busy: timers that become due do not run. */
  pass(byMs: number): void {
    this.#now += byMs;
  }

  /**
   * Advances the clock by `byMs`, and runs the timers that become due, in order. Waits a turn of the event loop at the
   * start, after each timer and at the end, so that promises settle. Waits for a disk or a socket can take longer.
   */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    await nextTurn();
    for (let timer = this.#nextDue(end); timer !== undefined; timer = this.#nextDue(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.dueAt);
      timer.run();
      await nextTurn();
    }
    this.#now = end;
    await nextTurn();
  }

  #nextDue(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt <= end && timer.dueAt < (next?.dueAt ?? Number.POSITIVE_INFINITY)) next = timer;
    }
    return next;
  }
}
