import type { CancelTimer, Clock } from "../../src/clock.ts";
import { nextTurn } from "../../src/concurrency/next-turn.ts";

interface Timer {
  readonly dueAt: number;
  readonly run: () => void;
}

/** A clock that stands still until a test turns it. */
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

  /** How many waits are under way. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Turns the clock by `byMs` while the thread is busy: nothing runs, whatever becomes due. */
  pass(byMs: number): void {
    this.#now += byMs;
  }

  /**
   * Turns the clock by `byMs` and runs what becomes due, in order. After each, and at both ends, promises settle for a
   * turn of the event loop; what waits for a disk or a socket may take longer.
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
