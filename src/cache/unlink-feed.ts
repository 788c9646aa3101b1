import type { UnlinkLog } from "../metadata/metadata-store.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** How closely the log is followed. */
export interface UnlinkFeedOptions {
  /** Milliseconds between two looks at the log. */
  readonly intervalMs: number;
  /** Milliseconds for which a look at the log is good. */
  readonly trustMs: number;
}

/** What hears of unlinks. Each call resolves once nothing is answered any more from what was known before. */
export interface UnlinkListener {
  /** Forgets that the repository links the blob. */
  readonly forget: (repository: RepositoryName, digest: Digest) => Promise<void>;
  /** Forgets what this process alone remembers, since the feed may have missed some unlinks. */
  readonly forgetAll: () => void;
  /** Hears of every look at the log that failed. */
  readonly onFailure: (error: unknown) => void;
}

const DEFAULT_OPTIONS: UnlinkFeedOptions = { intervalMs: 40, trustMs: 150 };
/** Looks at the log end when nobody has asked for so long. */
const IDLE_MS = 5_000;
/** Unlinks heard of at a time. */
const BATCH = 100;

/**
 * Tells what this process remembers of blob links, and what every other instance has deleted meanwhile.
 *
 * What is remembered may be used while {@link isCurrent}: that is, for a short time after a look at the log found
 * nothing that was not forgotten. Whoever deletes waits for that time to pass ({@link outlast}); from then on no
 * instance answers from before the delete, whether it is busy, hung, or cut off from Redis. Only durations count,
 * which every host measures for itself: clocks need not agree.
 */
export class UnlinkFeed implements Disposable {
  readonly #log: UnlinkLog;
  readonly #listener: UnlinkListener;
  readonly #options: UnlinkFeedOptions;
  #position: number | undefined;
  #currentUntil = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #following = false;
  #disposed = false;

  constructor(log: UnlinkLog, listener: UnlinkListener, options: UnlinkFeedOptions = DEFAULT_OPTIONS) {
    this.#log = log;
    this.#listener = listener;
    this.#options = options;
  }

  /** Whether what is remembered may be used now. Asking keeps the feed going. */
  isCurrent(): boolean {
    const now = performance.now();
    this.#askedAt = now;
    if (!this.#following) void this.#follow();
    return now < this.#currentUntil;
  }

  /** Resolves when no instance trusts a look at the log any more that was taken before now. */
  async outlast(): Promise<void> {
    // A timer may come a millisecond early.
    await Bun.sleep(this.#options.trustMs + 2);
  }

  /** Ends looking at the log. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#currentUntil = Number.NEGATIVE_INFINITY;
  }

  async #follow(): Promise<void> {
    this.#following = true;
    while (!this.#disposed && performance.now() - this.#askedAt < IDLE_MS) {
      try {
        await this.#look();
      } catch (error) {
        this.#listener.onFailure(error);
      }
      await Bun.sleep(this.#options.intervalMs);
    }
    this.#following = false;
  }

  async #look(): Promise<void> {
    const lookedAt = performance.now();
    const latest = await this.#log.latestUnlink();
    if (latest !== this.#position) await this.#catchUp(latest);
    if (!this.#disposed) this.#currentUntil = lookedAt + this.#options.trustMs;
  }

  /** Goes through what is new; from the oldest that is kept, when the feed has not seen what came before that. */
  async #catchUp(latest: number): Promise<void> {
    let position = this.#position ?? Number.NaN;
    while (position !== latest) {
      const unlinks = await this.#log.listUnlinks(position || 0, BATCH);
      const [first, last] = [unlinks[0], unlinks.at(-1)];
      if (first?.number !== position + 1) this.#listener.forgetAll();
      await Promise.all(unlinks.map(({ repository, digest }) => this.#listener.forget(repository, digest)));
      position = last?.number ?? latest;
      if (position > latest) break;
    }
    this.#position = position;
  }
}
