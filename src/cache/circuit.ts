import { type CancelTimer, type Clock, SYSTEM_CLOCK } from "../clock.ts";

/** How long a call may take, and how often to probe a broken backend. */
export interface CircuitOptions {
  /** Milliseconds after which a call counts as failed. */
  readonly deadlineMs: number;
  /** Milliseconds between two probes of a backend that failed. */
  readonly probeIntervalMs: number;
}

/** The backend that a circuit protects callers from. */
export interface CircuitBackend {
  /** Checks that the backend can be trusted again, and does what was missed in the meantime. */
  readonly probe: () => Promise<void>;
  /** Whether nothing is left to do. Called just before the circuit closes. */
  readonly hasRecovered: () => boolean;
  /** Called for every failure, including those of probes. */
  readonly onFailure: (error: unknown) => void;
}

/** A call took too long. Its effect may still happen. */
class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Protects callers from a backend that they can do without.
 *
 * One failure opens the circuit; callers then no longer wait for the backend. While it is open, probes run in the
 * background, one at a time. The first one that succeeds closes it.
 */
export class Circuit implements Disposable {
  readonly #options: CircuitOptions;
  readonly #backend: CircuitBackend;
  #isOpen = false;
  readonly #clock: Clock;
  #cancelProbe: CancelTimer | undefined;
  #isDisposed = false;

  constructor(options: CircuitOptions, backend: CircuitBackend, clock: Clock = SYSTEM_CLOCK) {
    this.#options = options;
    this.#backend = backend;
    this.#clock = clock;
  }

  /** Whether calls are refused. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * The result of `call`, or `fallback` if it failed, took too long, or was not made. Never rejects.
   *
   * `deadline` is a time on the circuit's clock; several calls can share one.
   */
  async orElse<Result, Fallback>(
    call: () => Promise<Result> | Result,
    fallback: Fallback,
    deadline = this.newDeadline(),
  ): Promise<Result | Fallback> {
    if (this.#isOpen) return fallback;
    try {
      const result = call();
      return result instanceof Promise ? await this.#within(deadline, result) : result;
    } catch (error) {
      this.fail(error);
      return fallback;
    }
  }

  /** Whether `call` succeeded in time. Never rejects. */
  async succeeds(call: () => Promise<unknown>, deadline = this.newDeadline()): Promise<boolean> {
    return this.orElse(() => call().then(() => true), false, deadline);
  }

  /** The deadline for calls that begin now and may take `withinMs` together. */
  newDeadline(withinMs = this.#options.deadlineMs): number {
    return this.#clock.now() + withinMs;
  }

  /** Opens the circuit. */
  fail(error: unknown): void {
    this.#backend.onFailure(error);
    this.#isOpen = true;
    this.#schedule();
  }

  /** Stops probing. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#cancelProbe?.();
  }

  #schedule(): void {
    if (this.#isDisposed || this.#cancelProbe !== undefined) return;
    this.#cancelProbe = this.#clock.after(this.#options.probeIntervalMs, () => void this.#tryAgain());
  }

  async #tryAgain(): Promise<void> {
    try {
      await this.#within(this.newDeadline(PROBE_DEADLINE_MS), this.#backend.probe());
      if (this.#backend.hasRecovered()) this.#isOpen = false;
    } catch (error) {
      this.#backend.onFailure(error);
    }
    this.#cancelProbe = undefined;
    if (this.#isOpen) this.#schedule();
  }

  async #within<Result>(deadline: number, call: Promise<Result>): Promise<Result> {
    const late = Promise.withResolvers<never>();
    const cancel = this.#clock.after(Math.max(0, deadline - this.#clock.now()), () =>
      late.reject(new DeadlineError("took too long")),
    );
    try {
      return await Promise.race([call, late.promise]);
    } finally {
      cancel();
    }
  }
}

/** How long a probe may take, in milliseconds. It may have more to do than a call, and no request waits for it. */
const PROBE_DEADLINE_MS = 10_000;
