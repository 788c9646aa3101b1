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
  /** Whether nothing is left to do; called at the moment when the circuit would close. */
  readonly isSettled: () => boolean;
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
   * The result of `call`; `undefined` if it failed, took too long, or was not made. Never rejects.
   *
   * `deadline` is a time on the clock of `performance.now()`; several calls can share one.
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

  /** The deadline for the calls of a request that begins now. */
  newDeadline(): number {
    return performance.now() + this.#options.deadlineMs;
  }

  /** Opens the circuit. */
  fail(error: unknown): void {
    this.#backend.onFailure(error);
    this.#open = true;
    this.#schedule();
  }

  /** Stops probing. */
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

/** A probe may have more to do than a call, and no request waits for it. */
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
