import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import type { UnlinkLog } from "../metadata/ports/blob-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** How closely to follow the log. */
export interface UnlinkFeedOptions {
  /** Time between two reads of the log, in milliseconds. */
  readonly intervalMs: number;
  /** How long a read of the log stays valid, in milliseconds. */
  readonly trustMs: number;
}

/** Receives unlinks. Each call resolves once no request is answered from what was known before. */
export interface UnlinkListener {
  /** Forgets that the repository links the blob. */
  readonly forget: (repository: RepositoryName, digest: Digest) => Promise<void>;
  /** Forgets everything that only this process caches, because the feed may have missed unlinks. */
  readonly forgetAll: () => void;
  /** Called when a read of the log failed. */
  readonly onFailure: (error: unknown) => void;
}

const DEFAULT_OPTIONS: UnlinkFeedOptions = { intervalMs: 40, trustMs: 150 };
/** Stops reading the log after this time without a request, in milliseconds. */
const IDLE_MS = 5_000;
/** Maximum unlinks to read at a time. */
const BATCH = 100;

/**
 * Follows the log of unlinks, so that this process knows what other instances have deleted.
 *
 * Cached links can be used while {@link isCurrent} is true: for a short time after each read of the log. A delete waits
 * until that time has passed ({@link waitForAllInstances}). After that no instance answers with a link from before the
 * delete, even if it is busy, hung, or cut off from Redis. Each host measures durations by itself, so clocks do not
 * have to agree.
 */
export class UnlinkFeed implements Disposable {
  readonly #log: UnlinkLog;
  readonly #listener: UnlinkListener;
  readonly #clock: Clock;
  readonly #options: UnlinkFeedOptions;
  #position: number | undefined;
  #currentUntil = Number.NEGATIVE_INFINITY;
  #lastUsedAt = Number.NEGATIVE_INFINITY;
  #isFollowing = false;
  #isDisposed = false;

  constructor(
    log: UnlinkLog,
    listener: UnlinkListener,
    clock: Clock = SYSTEM_CLOCK,
    options: UnlinkFeedOptions = DEFAULT_OPTIONS,
  ) {
    this.#log = log;
    this.#listener = listener;
    this.#clock = clock;
    this.#options = options;
  }

  /** Whether cached links may be used now. Each call keeps the feed running. */
  isCurrent(): boolean {
    const now = this.#clock.now();
    this.#lastUsedAt = now;
    if (!this.#isFollowing) void this.#follow();
    return now < this.#currentUntil;
  }

  /** Resolves once every instance has stopped trusting the reads of the log from before this call. */
  async waitForAllInstances(): Promise<void> {
    // A timer can fire a millisecond early.
    await this.#clock.sleep(this.#options.trustMs + 2);
  }

  /** Stops reading the log. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#currentUntil = Number.NEGATIVE_INFINITY;
  }

  async #follow(): Promise<void> {
    this.#isFollowing = true;
    while (!this.#isDisposed && this.#clock.now() - this.#lastUsedAt < IDLE_MS) {
      try {
        await this.#readLog();
      } catch (error) {
        this.#listener.onFailure(error);
      }
      await this.#clock.sleep(this.#options.intervalMs);
    }
    this.#isFollowing = false;
  }

  async #readLog(): Promise<void> {
    const startedAt = this.#clock.now();
    const latest = await this.#log.latestUnlink();
    if (latest !== this.#position) await this.#catchUp(latest);
    if (!this.#isDisposed) this.#currentUntil = startedAt + this.#options.trustMs;
  }

  /** Reads the new entries. If entries before them are no longer kept, forgets everything first. */
  async #catchUp(latest: number): Promise<void> {
    let position = this.#position ?? 0;
    let mayHaveMissed = this.#position === undefined;
    do {
      const unlinks = await this.#log.listUnlinks(position, BATCH);
      if (mayHaveMissed || unlinks[0]?.number !== position + 1) this.#listener.forgetAll();
      mayHaveMissed = false;
      await Promise.all(unlinks.map(({ repository, digest }) => this.#listener.forget(repository, digest)));
      position = unlinks.at(-1)?.number ?? latest;
    } while (position < latest);
    this.#position = position;
  }
}
