import { SYSTEM_CLOCK } from "../clock.ts";
import type { Awaitable } from "./awaitable.ts";
import { LOOP_TURNS } from "./loop-turns.ts";

/** How long one piece of work may block the event loop, in milliseconds. */
const SLICE_MS = 1;

/**
 * Cuts long work on the event loop into slices of a millisecond. Other requests are handled between them, and all long
 * work together gets one slice per turn of the event loop.
 */
export class WorkSlices {
  #endsAt = SYSTEM_CLOCK.now() + SLICE_MS;

  /** Returns at once while the current slice lasts; otherwise resolves in a later turn, when the next slice begins. */
  pause(): Awaitable<void> {
    return SYSTEM_CLOCK.now() < this.#endsAt ? undefined : this.#next();
  }

  async #next(): Promise<void> {
    await LOOP_TURNS.nextPiece();
    this.#endsAt = SYSTEM_CLOCK.now() + SLICE_MS;
  }
}
