import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";

/** Resident memory per byte in the accounts of request bodies, measured with 64 uploads and with 200 single POSTs. */
const RESIDENT_PER_BYTE = 1.35;

/** How long a measurement is used, in milliseconds. Asking the system takes 15 µs. */
const MEASURED_FOR_MS = 10;

/** Tells how much memory is left for request bodies, based on what the process really uses. */
export class MemoryRoom {
  readonly #targetBytes: number;
  readonly #residentBytes: () => number;
  readonly #clock: Clock;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #otherBytes = 0;

  /**
   * @param targetBytes resident memory not to exceed
   * @param residentBytes measures the resident memory
   */
  constructor(
    targetBytes: number,
    residentBytes: () => number = process.memoryUsage.rss,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    this.#targetBytes = targetBytes;
    this.#residentBytes = residentBytes;
    this.#clock = clock;
  }

  /** How many bytes bodies may hold in their accounts, when they hold `heldBytes` now; negative when it is too much. */
  forBodies(heldBytes: number): number {
    const now = this.#clock.now();
    if (now - this.#measuredAt > MEASURED_FOR_MS) {
      this.#measuredAt = now;
      this.#otherBytes = this.#residentBytes() - heldBytes * RESIDENT_PER_BYTE;
    }
    return (this.#targetBytes - this.#otherBytes) / RESIDENT_PER_BYTE;
  }
}
