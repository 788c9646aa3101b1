import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Logger } from "../log.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { CacheCounters, type CacheCounts } from "./cache-counters.ts";
import { Circuit, type CircuitOptions } from "./circuit.ts";
import type { DescriptorCache } from "./descriptor-cache.ts";
import { LinksInFront } from "./links-in-front.ts";

const DEFAULT_CIRCUIT: CircuitOptions = { deadlineMs: 50, probeIntervalMs: 500 };
/** How long startup waits for the cache, in milliseconds. */
const START_DEADLINE_MS = 2_000;
/** Minimum time between two log lines about a cache that keeps failing, in milliseconds. */
const LOG_INTERVAL_MS = 10_000;

/**
 * Blob links with a descriptor cache in front of the authority, which is the metadata store.
 *
 * The authority decides; the cache saves queries. A slow or failing cache delays one request by at most
 * `deadlineMs`. After that, requests skip the cache until a probe succeeds.
 *
 * A stale entry would serve a deleted blob. Three rules prevent that:
 *
 * - A delete clears the cache before and after the authority's transaction: after it, so that no entry remains;
 *   before it, so that no entry remains if the process is killed in between.
 * - A miss takes a ticket before it reads the authority. Every clear invalidates the repository's tickets. So a
 *   value read before a delete cannot be cached after it, on any instance.
 * - If a clear fails, the repository becomes a pending clear. The cache is not used again until everything it
 *   knows of that repository is cleared.
 */
export class CachedBlobLinks extends LinksInFront implements Disposable {
  readonly #cache: DescriptorCache;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #circuit: Circuit;
  readonly #counters = new CacheCounters();
  readonly #pendingClears = new Set<RepositoryName>();
  #loggedAt = Number.NEGATIVE_INFINITY;
  #unloggedFailures = 0;

  constructor(
    authority: BlobLinks,
    cache: DescriptorCache,
    log: Logger,
    circuit = DEFAULT_CIRCUIT,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    super(authority);
    this.#cache = cache;
    this.#log = log;
    this.#clock = clock;
    const backend = {
      probe: () => this.#recover(),
      hasRecovered: () => this.#pendingClears.size === 0,
      onFailure: (error: unknown) => this.#reportFailure(error),
    };
    this.#circuit = new Circuit(circuit, backend, clock);
  }

  /** Resolves once the cache works, or has failed: requests then skip it until it works. */
  async start(): Promise<void> {
    await this.#circuit.succeeds(() => this.#cache.check(), this.#circuit.newDeadline(START_DEADLINE_MS));
  }

  /** Counts of hits, misses and failures. */
  counts(): CacheCounts {
    return this.#counters.snapshot();
  }

  findLinkedBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor | undefined> {
    if (this.#circuit.isOpen) {
      this.#counters.count("bypasses");
      return this.authority.findLinkedBlob(repository, digest);
    }
    const cached = this.#lookUp(repository, digest);
    if (cached === undefined || cached instanceof Promise) {
      return this.#findAndFill(repository, digest, cached);
    }
    this.#counters.count("hits");
    return cached;
  }

  /** Resolves once no request is answered from an old cache entry for this link, even if the cache is failing. */
  forget(repository: RepositoryName, digest: Digest): Promise<void> {
    return this.#clear(repository, new Set([digest]));
  }

  async unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const blob = await this.authority.findLinkedBlob(repository, digest);
    const digests = new Set([digest, blob?.digest ?? digest]);
    await this.#clear(repository, digests);
    const wasUnlinked = await this.authority.unlinkBlob(repository, digest);
    // Clear even if there was no link: an earlier delete may have died before it could clear.
    await this.#clear(repository, digests);
    return wasUnlinked;
  }

  /** Stops probing. The caller closes the cache. */
  [Symbol.dispose](): void {
    this.#circuit[Symbol.dispose]();
  }

  /** The cache's answer or its promise; `undefined` on a miss, or if the cache failed at once. */
  #lookUp(repository: RepositoryName, digest: Digest): ReturnType<DescriptorCache["find"]> {
    try {
      return this.#cache.find(repository, digest);
    } catch (error) {
      this.#circuit.fail(error);
      return undefined;
    }
  }

  async #findAndFill(
    repository: RepositoryName,
    digest: Digest,
    lookUp: Promise<BlobDescriptor | undefined> | undefined,
  ): Promise<BlobDescriptor | undefined> {
    const deadline = this.#circuit.newDeadline();
    const cached = lookUp && (await this.#circuit.orElse(() => lookUp, undefined, deadline));
    if (cached !== undefined) {
      this.#counters.count("hits");
      return cached;
    }
    this.#counters.count("misses");
    const ticket = await this.#circuit.orElse(() => this.#cache.prepareFill(repository), undefined, deadline);
    const found = await this.authority.findLinkedBlob(repository, digest);
    if (found !== undefined && ticket !== undefined) {
      // Do not wait: the caller has its answer, and the circuit limits how long a fill takes.
      void this.#fill(() => this.#cache.fill(repository, digest, found, ticket));
    }
    return found;
  }

  async #fill(fill: () => Promise<void>): Promise<void> {
    if (await this.#circuit.succeeds(fill)) this.#counters.count("fills");
  }

  async #clear(repository: RepositoryName, digests: ReadonlySet<Digest>): Promise<void> {
    const isCleared = await this.#circuit.succeeds(() =>
      Promise.all([...digests].map((digest) => this.#cache.clear(repository, digest))),
    );
    // The circuit is open now, so no look-up reads the entry that could not be cleared.
    if (!isCleared) this.#pendingClears.add(repository);
  }

  /** Runs the pending clears; rejects while the cache cannot be trusted. */
  async #recover(): Promise<void> {
    await this.#cache.check();
    for (const repository of this.#pendingClears) {
      this.#pendingClears.delete(repository);
      try {
        await this.#cache.clear(repository);
      } catch (error) {
        this.#pendingClears.add(repository);
        throw error;
      }
    }
    this.#log.info({ cache: this.#cache.name }, "descriptor cache works again");
  }

  #reportFailure(error: unknown): void {
    this.#counters.count("errors");
    const now = this.#clock.now();
    if (now - this.#loggedAt < LOG_INTERVAL_MS) {
      this.#unloggedFailures += 1;
      return;
    }
    this.#log.warn(
      { cache: this.#cache.name, err: error, unlogged: this.#unloggedFailures },
      "descriptor cache failed",
    );
    this.#loggedAt = now;
    this.#unloggedFailures = 0;
  }
}
