import { unlessAborted } from "./unless-aborted.ts";

interface Flight<Value> {
  readonly result: Promise<Value>;
  readonly controller: AbortController;
  waiters: number;
}

/**
 * Runs work once per key, and shares the result with all concurrent callers.
 *
 * If a caller leaves, the work continues for the others. It is aborted when no caller is left.
 */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Flight<Value>>();

  /**
   * Resolves to the result of the work under `key`; starts the work unless it is running.
   *
   * @throws the work's own error, or `signal`'s reason as soon as it is aborted
   */
  async run(
    key: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiters += 1;
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      flight.waiters -= 1;
      if (flight.waiters === 0) this.#abandon(key, flight);
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<Value>): Flight<Value> {
    const controller = new AbortController();
    const result = work(controller.signal);
    const flight: Flight<Value> = { result, controller, waiters: 0 };
    this.#flights.set(key, flight);
    const forget = (): void => this.#forget(key, flight);
    result.then(forget, forget);
    return flight;
  }

  #abandon(key: string, flight: Flight<Value>): void {
    // A new caller must not join work that is being aborted.
    this.#forget(key, flight);
    flight.controller.abort(new Error("no caller is left"));
  }

  #forget(key: string, flight: Flight<Value>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
