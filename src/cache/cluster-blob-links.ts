import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Logger } from "../log.ts";
import type { BlobLinks, UnlinkLog } from "../metadata/ports/blob-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { CachedBlobLinks } from "./cached-blob-links.ts";
import { LinksInFront } from "./links-in-front.ts";
import { MemoryDescriptorCache } from "./memory-descriptor-cache.ts";
import { UnlinkFeed, type UnlinkListener } from "./unlink-feed.ts";

/** The parts of {@link ClusterBlobLinks}. */
export interface ClusterBlobLinksParts {
  readonly authority: BlobLinks;
  /** The authority's log of unlinks. */
  readonly unlinks: UnlinkLog;
  /** The authority, with a shared cache in front if there is one. */
  readonly shared: CachedBlobLinks | undefined;
  /** Maximum entries of the cache in this process. */
  readonly maxEntries: number;
  readonly log: Logger;
  readonly clock?: Clock;
}

const LOG_INTERVAL_MS = 10_000;

/**
 * Blob links for one of several instances: looked up in this process, then in the shared cache, then in the
 * authority.
 *
 * The caches answer only while this instance follows the log of unlinks closely. A delete resolves once every
 * instance has seen it or no longer trusts its caches. So no instance serves a deleted blob, even if the cache was
 * down, an instance hung, or the deleting instance died. Each delete waits for the {@link UnlinkFeed}; other requests
 * do not.
 */
export class ClusterBlobLinks extends LinksInFront implements Disposable {
  readonly #shared: CachedBlobLinks | undefined;
  readonly #feed: UnlinkFeed;
  readonly #clock: Clock;
  #near: MemoryDescriptorCache;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor({ authority, unlinks, shared, maxEntries, log, clock = SYSTEM_CLOCK }: ClusterBlobLinksParts) {
    super(authority);
    this.#shared = shared;
    this.#clock = clock;
    this.#near = new MemoryDescriptorCache({ maxEntries });
    const listener: UnlinkListener = {
      forget: async (repository, digest) => {
        await this.#near.clear(repository, digest);
        await shared?.forget(repository, digest);
      },
      // Look-ups that are running fill the old cache, which is dropped.
      forgetAll: () => {
        this.#near = new MemoryDescriptorCache({ maxEntries });
      },
      onFailure: (error) => this.#reportFailure(error, log),
    };
    this.#feed = new UnlinkFeed(unlinks, listener, clock);
  }

  findLinkedBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor | undefined> {
    if (!this.#feed.isCurrent()) return this.authority.findLinkedBlob(repository, digest);
    const near = this.#near.find(repository, digest);
    return near === undefined || near instanceof Promise ? this.#findAndRemember(repository, digest) : near;
  }

  async unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const wasUnlinked = await (this.#shared ?? this.authority).unlinkBlob(repository, digest);
    // Clear even if there was no link: an earlier delete may have died a moment ago.
    await this.#feed.waitForAllInstances();
    return wasUnlinked;
  }

  /** Stops following the log. The caller closes the parts. */
  [Symbol.dispose](): void {
    this.#feed[Symbol.dispose]();
  }

  async #findAndRemember(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    const near = this.#near;
    const ticket = await near.prepareFill();
    const found = await (this.#shared ?? this.authority).findLinkedBlob(repository, digest);
    if (found !== undefined) await near.fill(repository, digest, found, ticket);
    return found;
  }

  #reportFailure(error: unknown, log: Logger): void {
    const now = this.#clock.now();
    if (now - this.#loggedAt < LOG_INTERVAL_MS) return;
    this.#loggedAt = now;
    log.warn(
      { err: error },
      "cannot follow the deletes of other instances; querying the database for every look-up",
    );
  }
}
