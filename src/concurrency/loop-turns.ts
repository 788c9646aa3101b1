import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import type { Awaitable } from "./awaitable.ts";

/** How long one turn of the event loop may answer requests before other connections get their turn, in milliseconds. */
const TURN_MS = 3;

/** How long one turn may send parts of long answers, in milliseconds. */
const SENDING_MS = 2;

/** Time that an answer, or a part of a long one, takes after its function has returned, in milliseconds. */
const ANSWER_MS = 0.1;
const PART_MS = 0.2;

/**
 * Share of the last turn's length that a turn can spend on waiting requests. Turns are long when much data arrives.
 * With only {@link TURN_MS} in each, requests would wait for many long turns.
 */
const WAITING_SHARE = 1 / 3;

/** A turn does one more piece of long work for each of these periods that the last turn took, in milliseconds. */
const PIECE_EVERY_MS = 10;

/**
 * Divides the event loop between requests, and between requests and long work.
 *
 * Bun serves a new connection and its first request before it handles established connections. Clients that keep
 * opening connections can therefore block a kept-alive connection for as long as they like. So when a turn has lasted a
 * few milliseconds, further requests wait for the next turn, in the order in which they arrived.
 *
 * Long answers are sent in parts, which wait in a separate queue. Requests are answered before these parts.
 *
 * Long work is done in pieces. A short turn does one piece, however many requests have long work to do, so it lasts
 * about as long with a hundred of them as with one.
 */
export class LoopTurns {
  readonly #requests: (() => void)[] = [];
  readonly #parts: (() => void)[] = [];
  readonly #pieces: (() => void)[] = [];
  readonly #turnMs: number;
  readonly #pieceEveryMs: number;
  readonly #clock: Clock;
  #beganAt = 0;
  #endsAt = 0;
  #isRunning = false;

  /**
   * @param turnMs how long one turn may answer requests, in milliseconds
   * @param pieceEveryMs a turn does one more piece of long work for each of these periods that the last turn took
   */
  constructor(turnMs: number = TURN_MS, pieceEveryMs: number = PIECE_EVERY_MS, clock: Clock = SYSTEM_CLOCK) {
    this.#turnMs = turnMs;
    this.#pieceEveryMs = pieceEveryMs;
    this.#clock = clock;
  }

  /** Runs the answer now, without a promise, while the turn lasts; otherwise in a later turn. */
  run<Result>(answer: () => Awaitable<Result>): Awaitable<Result> {
    if (!this.#isRunning) this.#begin();
    else if (this.#requests.length > 0 || this.#clock.now() >= this.#endsAt) return this.#later(answer);
    return answer();
  }

  /** Shortens this turn by the time that something takes after the caller has returned, in milliseconds. */
  spend(milliseconds: number): void {
    this.#endsAt -= milliseconds;
  }

  /**
   * Call this before each part of a long answer. Returns at once while the turn lasts; otherwise resolves in a later
   * turn.
   */
  nextPart(): Awaitable<void> {
    if (!this.#isRunning) this.#begin();
    if (this.#requests.length + this.#parts.length === 0 && this.#clock.now() < this.#endsAt)
      return undefined;
    return new Promise((resolve) => this.#parts.push(resolve));
  }

  /** Resolves in a later turn, which continues few other pieces of long work. */
  nextPiece(): Promise<void> {
    if (!this.#isRunning) this.#begin();
    return new Promise((resolve) => this.#pieces.push(resolve));
  }

  #begin(milliseconds: number = this.#turnMs): void {
    this.#isRunning = true;
    this.#beganAt = this.#clock.now();
    this.#endsAt = this.#beganAt + milliseconds;
    setImmediate(this.#nextTurn);
  }

  #later<Result>(answer: () => Awaitable<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#requests.push(() => {
        try {
          resolve(answer());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Runs the entries of a queue until the turn ends, at least the first one. */
  #runWaiting(queue: (() => void)[], costMs: number): void {
    let done = 0;
    for (const proceed of queue) {
      proceed();
      done += 1;
      this.spend(costMs);
      if (this.#clock.now() >= this.#endsAt) break;
    }
    queue.splice(0, done);
  }

  readonly #nextTurn = (): void => {
    this.#isRunning = false;
    if (this.#requests.length + this.#parts.length + this.#pieces.length === 0) return;
    const lastMs = this.#clock.now() - this.#beganAt;
    this.#begin(Math.max(this.#turnMs, lastMs * WAITING_SHARE));
    this.#runWaiting(this.#requests, ANSWER_MS);
    this.#endsAt = Math.max(this.#endsAt, this.#clock.now() + SENDING_MS);
    this.#runWaiting(this.#parts, PART_MS);
    for (const proceed of this.#pieces.splice(0, 1 + Math.floor(lastMs / this.#pieceEveryMs))) proceed();
  };
}

/** The turns of this thread's event loop. */
export const LOOP_TURNS = new LoopTurns();
