import { type CancelTimer, type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { MemoryRoom } from "./memory-room.ts";

/** Bytes of a body that Bun receives before anyone reads it. */
const UNREAD_BYTES = 1.25 * 1024 * 1024;
/** Bytes that a body takes while it is read: its chunk, the next chunk, and the bytes that Bun receives after them. */
const READ_BYTES = 4 * 1024 * 1024;
/** A body of at most this many bytes is read at once, without waiting for a turn. */
const SMALL_BYTES = 64 * 1024;

/** Maximum bodies to read at a time. */
const READERS = 8;
/** How long to wait for a slow client before another body gets its turn, in milliseconds. */
const PATIENCE_MS = 20;
/** How long a body may be read before another one gets its turn, in milliseconds. */
const TURN_MS = 2_000;

/** Share of the memory that is reserved for bodies that have begun, out of reach for new ones. */
const RESERVE = 0.15;

/** Share of the memory that new bodies may always take, even if the rest of the server uses too much memory. */
const ASSURED = 1 / 2;

/** When a refused client may try again. */
const RETRY_AFTER_SECONDS = 2;

/** The share of {@link BodyMemory} that one body takes until it is disposed of. */
export interface BodyShare extends Disposable {
  /** Whether it was disposed of. It can then no longer be used. */
  readonly isClosed: boolean;
  /** Waits until it is the body's turn to be read. */
  begin(): Promise<void>;
  /** Call this when you request a chunk: until it arrives, another body can be read. */
  listen(): void;
  /**
   * Call this when the chunk has arrived; waits for a new turn if another body took this one.
   *
   * @throws {RegistryError} `too-many-requests` if there is no memory for the body
   */
  arrived(): Promise<void>;
  /**
   * Call this when the chunk is processed. If others wait and this body has been read for long, another one gets a
   * turn.
   */
  pass(): void;
  /** Call this before you leave the next chunk unread for long: another body gets a turn at once. */
  rest(): void;
}

/** A body's place in the accounts. */
interface Account {
  readonly unreadBytes: number;
  readonly readBytes: number;
  heldBytes: number;
  isClosed: boolean;
  hasTurn: boolean;
  turnSince: number;
  /** When the last wait for its client began. */
  listeningSince: number;
  /** Whether its client took long for the last chunk. */
  isSlow: boolean;
  /** Ends the wait for a turn. */
  admit: (() => void) | undefined;
}

/**
 * Limits the memory of request bodies that arrive faster than they are stored.
 *
 * Bun receives a part of each body even if no one reads it, and more if it is read more slowly than it arrives. So we
 * can only limit the number of bodies: a few are read at a time, and the others wait unread. When the memory is used
 * up, new bodies are refused at once, which costs nothing. When the reserve is used up too, bodies that have begun are
 * refused as well. A body that waits for its client takes no turn: another one is read, at once if the client was slow
 * before. So slow clients do not block others.
 */
export class BodyMemory {
  readonly #maxBytes: number;
  readonly #room: Pick<MemoryRoom, "forBodies"> | undefined;
  readonly #waiting: Account[] = [];
  /** Bodies that have a turn and wait for their client. */
  readonly #listening = new Set<Account>();
  readonly #clock: Clock;
  #check: CancelTimer | undefined;
  #heldBytes = 0;
  #turns = 0;

  /**
   * @param maxBytes approximate memory for all bodies together
   * @param room tells how much memory is really left for them; without it, they can always take `maxBytes`
   */
  constructor(maxBytes: number, room?: Pick<MemoryRoom, "forBodies">, clock: Clock = SYSTEM_CLOCK) {
    this.#maxBytes = maxBytes;
    this.#room = room;
    this.#clock = clock;
  }

  /**
   * Admits a body of `statedBytes`, or of any length if that is absent.
   *
   * @throws {RegistryError} `too-many-requests` if there is no memory for it
   */
  open(statedBytes: number | undefined): BodyShare {
    const bytes = statedBytes ?? Number.POSITIVE_INFINITY;
    const account: Account = {
      unreadBytes: Math.min(bytes, UNREAD_BYTES),
      readBytes: Math.min(2 * bytes, READ_BYTES),
      heldBytes: 0,
      isClosed: false,
      hasTurn: false,
      turnSince: 0,
      listeningSince: 0,
      isSlow: false,
      admit: undefined,
    };
    const isSmall = bytes <= SMALL_BYTES;
    if (!this.#hold(account, account.unreadBytes, isSmall ? this.#maxBytes : this.#mostNow)) throw tooMany();
    return {
      get isClosed() {
        return account.isClosed;
      },
      begin: async () => {
        if (!isSmall) await this.#turn(account);
      },
      listen: () => this.#listen(account),
      arrived: async () => {
        this.#listening.delete(account);
        account.isSlow = this.#clock.now() - account.listeningSince > PATIENCE_MS;
        if (!this.#hold(account, account.readBytes, this.#mostBytes)) throw tooMany();
        if (!isSmall) await this.#turn(account);
      },
      pass: () => this.#pass(account),
      rest: () => this.#endTurn(account),
      [Symbol.dispose]: () => this.#close(account),
    };
  }

  /** Maximum bytes in the accounts when a new body is added. */
  get #mostNow(): number {
    if (this.#room === undefined) return this.#maxBytes;
    const room = this.#room.forBodies(this.#heldBytes);
    return Math.min(this.#maxBytes, Math.max(room, this.#maxBytes * ASSURED));
  }

  /** Maximum bytes of all bodies, when one that has begun needs more. */
  get #mostBytes(): number {
    return this.#maxBytes * (1 + RESERVE);
  }

  /** Sets the share to `bytes`, if there is enough memory. */
  #hold(account: Account, bytes: number, most: number): boolean {
    const held = this.#heldBytes - account.heldBytes + bytes;
    if (bytes > account.heldBytes && held > most) return false;
    this.#heldBytes = held;
    account.heldBytes = bytes;
    return true;
  }

  async #turn(account: Account): Promise<void> {
    if (account.hasTurn) return;
    if (this.#turns < READERS) {
      this.#turns += 1;
      this.#beginTurn(account);
      return;
    }
    this.#check ??= this.#clock.after(PATIENCE_MS, this.#endIdleTurns);
    await new Promise<void>((admit) => {
      account.admit = admit;
      this.#waiting.push(account);
    });
  }

  readonly #endIdleTurns = (): void => {
    const idleSince = this.#clock.now() - PATIENCE_MS;
    for (const account of this.#listening) {
      if (this.#waiting.length > 0 && account.listeningSince <= idleSince) this.#endTurn(account);
    }
    this.#check = this.#waiting.length === 0 ? undefined : this.#clock.after(PATIENCE_MS, this.#endIdleTurns);
  };

  #beginTurn(account: Account): void {
    account.hasTurn = true;
    account.turnSince = this.#clock.now();
    account.admit?.();
    account.admit = undefined;
  }

  #listen(account: Account): void {
    this.#hold(account, 0, 0);
    account.listeningSince = this.#clock.now();
    if (!account.hasTurn) return;
    // Otherwise many slow clients could hold all turns while each of them waits for its next byte.
    if (account.isSlow && this.#waiting.length > 0) this.#endTurn(account);
    else this.#listening.add(account);
  }

  /** A body that loses its turn keeps its memory, so the next one needs memory of its own. */
  #pass(account: Account): void {
    const [next] = this.#waiting;
    if (next === undefined || this.#clock.now() - account.turnSince < TURN_MS) return;
    if (this.#heldBytes - next.heldBytes + next.readBytes <= this.#mostBytes) this.#endTurn(account);
  }

  #endTurn(account: Account): void {
    this.#listening.delete(account);
    if (!account.hasTurn) return;
    account.hasTurn = false;
    const next = this.#waiting.shift();
    if (next === undefined) this.#turns -= 1;
    else this.#beginTurn(next);
  }

  #close(account: Account): void {
    account.isClosed = true;
    this.#hold(account, 0, 0);
    this.#endTurn(account);
    const place = this.#waiting.indexOf(account);
    if (place >= 0) this.#waiting.splice(place, 1);
  }
}

function tooMany(): RegistryError {
  return new RegistryError("too-many-requests", "too many pushes at the same time; try again later", {
    detail: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
