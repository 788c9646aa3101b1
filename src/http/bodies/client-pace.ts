import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import type { IdleTimer } from "../request-context.ts";

/** A client that sends nothing for this long is slow, in milliseconds. */
const SILENCE_MS = 1_000;
/** Minimum time spent waiting for a client before its pace counts, in milliseconds. */
const GRACE_MS = 500;
/** A client that sends less than 512 KiB a second is slow. */
const BYTES_PER_MS = 512;

/**
 * Measures how fast a client sends its body. It is an idle timer, so it counts only the time while the server waits for
 * the client.
 */
export class ClientPace implements IdleTimer {
  readonly #timer: IdleTimer;
  readonly #clock: Clock;
  #waitedMs = 0;
  #waitingSince: number | undefined;

  constructor(timer: IdleTimer, clock: Clock = SYSTEM_CLOCK) {
    this.#timer = timer;
    this.#clock = clock;
  }

  pause(): void {
    this.#timer.pause();
    this.#waitedMs += this.#silentMs;
    this.#waitingSince = undefined;
  }

  resume(): void {
    this.#timer.resume();
    this.#waitingSince ??= this.#clock.now();
  }

  /** Whether a client that sent `bytes` since the last {@link restart} is slow. */
  isSlow(bytes: number): boolean {
    const silentMs = this.#silentMs;
    return silentMs > SILENCE_MS || this.#waitedMs + silentMs > GRACE_MS + bytes / BYTES_PER_MS;
  }

  /** Starts a new measurement. */
  restart(): void {
    this.#waitedMs = 0;
  }

  get #silentMs(): number {
    return this.#waitingSince === undefined ? 0 : this.#clock.now() - this.#waitingSince;
  }
}
