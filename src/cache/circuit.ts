/** How long a call may take, and how often a broken backend is tried again. */
export interface CircuitOptions {
  /** Milliseconds after which a call counts as failed. */
  readonly deadlineMs: number;
  /** Milliseconds between two probes of a backend that failed. */
  readonly probeIntervalMs: number;
}

/** What a circuit stands before. */
export interface CircuitBackend {
  /** Proves that the backend can be trusted again, and puts right what was missed meanwhile. */
  readonly probe: () => Promise<void>;
  /** Whether nothing is left to put right; asked in the very moment in which the circuit would close. */
  readonly isSettled: () => boolean;
  /** Hears of every failure, a probe's included. */
  readonly onFailure: (error: unknown) => void;
}

/** A call took longer than it may. What it was to do may yet happen. */
class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Stands between callers and a backend that they can do without.
 *
 * One failure opens the circuit: from then on nobody waits for the backend. While it is open, a probe runs in the
 * background, one at a time; the first one that succeeds closes it again.
 */
export class Circuit implements Disposable {
  readonly #options: CircuitOptions;
  readonly #backend: CircuitBackend;
  #open = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  constructor(options: CircuitOptions, backend: CircuitBackend) {
    this.#options = options;
    this.#backend = backend;
  }

  /** Whether calls are refused. */
  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * What `call` resolves to; `undefined` when it failed, took too long, or was not made. Never rejects.
   *
   * `deadline` is the time, as `performance.now()` tells it, at which waiting ends, so that several calls can share one.
   */
  async attempt<Result>(
    call: () => Promise<Result> | Result,
    deadline = performance.now() + this.#options.deadlineMs,
  ): Promise<{ readonly value: Result } | undefined> {
    if (this.#open) return undefined;
    try {
      const result = call();
      return { value: result instanceof Promise ? await withDeadline(result, deadline) : result };
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /** When the calls of a request that begins now must have ended. */
  newDeadline(): number {
    return performance.now() + this.#options.deadlineMs;
  }

  /** Opens the circuit. */
  fail(error: unknown): void {
    this.#backend.onFailure(error);
    this.#open = true;
    this.#schedule();
  }

  /** Ends probing. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#disposed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#tryAgain(), this.#options.probeIntervalMs);
    this.#timer.unref();
  }

  async #tryAgain(): Promise<void> {
    try {
      await withDeadline(this.#backend.probe(), performance.now() + PROBE_DEADLINE_MS);
      if (this.#backend.isSettled()) this.#open = false;
    } catch (error) {
      this.#backend.onFailure(error);
    }
    this.#timer = undefined;
    if (this.#open) this.#schedule();
  }
}

/** A probe may have more to do than a call, and nobody waits for it. */
const PROBE_DEADLINE_MS = 10_000;

async function withDeadline<Result>(call: Promise<Result>, deadline: number): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlineError("took too long")),
      Math.max(0, deadline - performance.now()),
    );
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
