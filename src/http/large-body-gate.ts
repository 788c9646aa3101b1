import { RegistryError } from "../oci/registry-error.ts";

/** Requests that may wait for their turn, each with some 2 MiB in Bun's buffers; further ones are told to come back. */
const MAX_WAITING = 24;

/** When a client that was turned away may try again. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Lets a few requests at a time hold a large body in memory, in the order they came; the others' bodies stay in the
 * network meanwhile.
 */
export class LargeBodyGate {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Waits for a place; the caller disposes of it.
   *
   * @throws {RegistryError} `too-many-requests` when too many wait already
   */
  async enter(): Promise<Disposable> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn();
    return { [Symbol.dispose]: () => this.#leave() };
  }

  #turn(): Promise<void> {
    if (this.#waiting.length === MAX_WAITING) {
      throw new RegistryError("too-many-requests", "too many large manifests are being pushed", {
        detail: { retryAfterSeconds: RETRY_AFTER_SECONDS },
      });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
