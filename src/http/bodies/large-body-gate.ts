import { Semaphore, TooManyWaiting } from "../../concurrency/semaphore.ts";
import { RegistryError } from "../../oci/registry-error.ts";

/** Maximum requests that wait for a place; further ones get 429. */
const MAX_WAITING = 24;
/**
 * When the waiting bodies have this many bytes together, no other may wait, because Bun receives some of each. The last
 * one can have any size, so that small bodies do not keep large ones out.
 */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** How often to look for slow occupants while requests wait, in milliseconds. */
const LOOK_MS = 100;

/** When a refused client may try again. */
const RETRY_AFTER_SECONDS = 5;

/** The request that holds a place. */
interface Occupant {
  /** Whether its client is slow. */
  isSlow(): boolean;
  /** Makes it give up its place. */
  dismiss(reason: Error): void;
}

/** A place, until it is disposed of. */
export interface Place extends Disposable {
  /** Allows the gate to take the place away: it dismisses `occupant` if that is slow while others wait. */
  occupy(occupant: Occupant): void;
}

/** Lets a few requests at a time hold a large body in memory. Places go to requests in the order of arrival. */
export class LargeBodyGate {
  readonly #places: Semaphore;
  readonly #occupants = new Set<Occupant>();
  #waitingBytes = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(places: number) {
    this.#places = new Semaphore({ places, maxWaiting: MAX_WAITING });
  }

  /**
   * Waits for a place for a body of at most `bytes`. The caller disposes of it.
   *
   * @throws {RegistryError} `too-many-requests` if too many are waiting
   */
  async enter(bytes: number): Promise<Place> {
    const place = this.#places.isFull ? await this.#wait(bytes) : await this.#places.enter();
    let occupant: Occupant | undefined;
    return {
      occupy: (by) => {
        occupant = by;
        this.#occupants.add(by);
      },
      [Symbol.dispose]: () => {
        if (occupant !== undefined) this.#occupants.delete(occupant);
        place[Symbol.dispose]();
      },
    };
  }

  async #wait(bytes: number): Promise<Disposable> {
    if (this.#waitingBytes >= MAX_WAITING_BYTES) throw crowded();
    this.#timer ??= setInterval(this.#dismissSlow, LOOK_MS);
    this.#waitingBytes += bytes;
    try {
      return await this.#places.enter();
    } catch (error) {
      throw error instanceof TooManyWaiting ? crowded() : error;
    } finally {
      this.#waitingBytes -= bytes;
      if (this.#places.waiting === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    }
  }

  readonly #dismissSlow = (): void => {
    const slow = [...this.#occupants].filter((occupant) => occupant.isSlow());
    for (const occupant of slow.slice(0, this.#places.waiting)) {
      this.#occupants.delete(occupant);
      occupant.dismiss(turnedAway("the manifest was sent too slowly while others waited"));
    }
  };
}

function crowded(): RegistryError {
  return turnedAway("too many large manifest pushes are in progress; try again later");
}

function turnedAway(message: string): RegistryError {
  return new RegistryError("too-many-requests", message, {
    detail: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
