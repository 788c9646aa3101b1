import { RegistryError } from "../oci/registry-error.ts";

/** Maximum requests that may wait for a place; further ones get 429. */
const MAX_WAITING = 24;
/**
 * While the bodies that wait have so many bytes together, no other may wait. Bun receives some of each. The last one may be
 * of any size, so that small bodies do not keep large ones out.
 */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** How often to check the places while somebody waits, in milliseconds. */
const LOOK_MS = 100;

/** When a refused client may try again. */
const RETRY_AFTER_SECONDS = 5;

/** The holder of a place. */
interface Occupant {
  /** Whether its client is slow. */
  isSlow(): boolean;
  /** Makes it give up its place. */
  dismiss(reason: Error): void;
}

/** A place, until it is disposed of. */
export interface Place extends Disposable {
  /** Allows the place to be taken away: `occupant` is dismissed if it is slow while others wait. */
  occupy(occupant: Occupant): void;
}

interface Waiting {
  readonly bytes: number;
  admit(): void;
}

/** Lets a few requests at a time hold a large body in memory, in the order of arrival. */
export class LargeBodyGate {
  readonly #occupants = new Set<Occupant>();
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #free: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Waits for a place for a body of at most `bytes`. The caller disposes of it.
   *
   * @throws {RegistryError} `too-many-requests` if too many are waiting
   */
  async enter(bytes: number): Promise<Place> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(bytes);
    let occupant: Occupant | undefined;
    return {
      occupy: (by) => {
        occupant = by;
        this.#occupants.add(by);
      },
      [Symbol.dispose]: () => {
        if (occupant !== undefined) this.#occupants.delete(occupant);
        this.#leave();
      },
    };
  }

  #turn(bytes: number): Promise<void> {
    if (this.#waiting.length === MAX_WAITING || this.#waitingBytes >= MAX_WAITING_BYTES)
      throw turnedAway("too many large manifests are being pushed");
    this.#timer ??= setInterval(this.#dismissSlow, LOOK_MS);
    this.#waitingBytes += bytes;
    return new Promise((admit) => this.#waiting.push({ bytes, admit }));
  }

  readonly #dismissSlow = (): void => {
    const slow = [...this.#occupants].filter((occupant) => occupant.isSlow());
    for (const occupant of slow.slice(0, this.#waiting.length)) {
      this.#occupants.delete(occupant);
      occupant.dismiss(turnedAway("the manifest is sent too slowly while others wait"));
    }
  };

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#free += 1;
    } else {
      this.#waitingBytes -= next.bytes;
      next.admit();
    }
    if (this.#waiting.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function turnedAway(message: string): RegistryError {
  return new RegistryError("too-many-requests", message, {
    detail: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
