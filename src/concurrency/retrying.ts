/** When and how often work is tried again. */
export interface RetryOptions {
  /** Whether to try again after this error. */
  readonly mayRepeat: (error: unknown) => boolean;
  /** Ends the wait between two attempts. */
  readonly signal?: AbortSignal;
}

/** In all, waiting takes about 3 seconds. */
const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 24;

/**
 * Repeats `attempt` up to eight times, with growing pauses, while its error is one to repeat.
 *
 * @throws the last error, or the signal's reason as soon as it is aborted in a pause
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { mayRepeat, signal }: RetryOptions,
): Promise<T> {
  for (let made = 1; ; made += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (made === ATTEMPTS || !mayRepeat(error)) throw error;
    }
    await pause(2 ** (made - 1) * FIRST_PAUSE_MS * (0.5 + Math.random()), signal);
  }
}

async function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, durationMs);
  const giveUp = () => reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}
