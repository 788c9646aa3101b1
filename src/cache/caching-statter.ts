import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Logger } from "../log.ts";
import type { BlobLinks, PageRequest } from "../metadata/metadata-store.ts";
import type { Awaitable } from "../oci/awaitable.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { CacheCounters, type CacheCounts } from "./cache-counters.ts";
import { Circuit, type CircuitOptions } from "./circuit.ts";
import type { DescriptorCache } from "./descriptor-cache.ts";

const DEFAULT_CIRCUIT: CircuitOptions = { deadlineMs: 50, probeIntervalMs: 500 };
/** Milliseconds that a start of the server waits for the cache. */
const START_DEADLINE_MS = 2_000;
/** Milliseconds between two log lines about a cache that keeps failing. */
const LOG_INTERVAL_MS = 10_000;

/**
 * Blob links with a descriptor cache in front: the one place where the cache and the authority meet.
 *
 * The authority decides; the cache only spares it the question. A cache that fails or is slow costs a request at
 * most `deadlineMs`, then nothing until a probe finds it well.
 *
 * A stale yes would serve a blob that was deleted, so three things keep one from arising:
 *
 * - A delete clears before and after the authority's transaction: after, so that nothing is left; before, so that
 *   a process killed in between leaves nothing either.
 * - A miss takes a ticket before it reads the authority, and every clear voids the repository's tickets. So what
 *   was read before a delete cannot be filled in after it, whichever instance did either.
 * - A clear that failed is owed: the repository is remembered, and before the cache is asked anything again, all
 *   that it knows of that repository is cleared.
 */
export class CachingStatter implements BlobLinks, Disposable {
  readonly #authority: BlobLinks;
  readonly #cache: DescriptorCache;
  readonly #log: Logger;
  readonly #circuit: Circuit;
  readonly #counters = new CacheCounters();
  readonly #owed = new Set<RepositoryName>();
  #loggedAt = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(authority: BlobLinks, cache: DescriptorCache, log: Logger, circuit = DEFAULT_CIRCUIT) {
    this.#authority = authority;
    this.#cache = cache;
    this.#log = log;
    this.#circuit = new Circuit(circuit, {
      probe: () => this.#settle(),
      isSettled: () => this.#owed.size === 0,
      onFailure: (error) => this.#failed(error),
    });
  }

  /** Resolves once the cache is in use, or is found not to be well: then it is left out until it is. */
  async start(): Promise<void> {
    await this.#circuit.attempt(() => this.#cache.check(), performance.now() + START_DEADLINE_MS);
  }

  /** How the cache has served. */
  counts(): CacheCounts {
    return this.#counters.snapshot();
  }

  findLinkedBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor | undefined> {
    if (this.#circuit.isOpen) {
      this.#counters.count("bypasses");
      return this.#authority.findLinkedBlob(repository, digest);
    }
    const cached = this.#lookUp(repository, digest);
    if (cached === undefined || cached instanceof Promise) {
      return this.#findAndFill(repository, digest, cached);
    }
    this.#counters.count("hits");
    return cached;
  }

  /** Resolves once no answer comes from what the cache knew of this link before, whether or not the cache is well. */
  forget(repository: RepositoryName, digest: Digest): Promise<void> {
    return this.#clear(repository, new Set([digest]));
  }

  linkBlob(repository: RepositoryName, blob: BlobDescriptor, digests: readonly Digest[]): Promise<void> {
    return this.#authority.linkBlob(repository, blob, digests);
  }

  async unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const blob = await this.#authority.findLinkedBlob(repository, digest);
    const digests = new Set([digest, blob?.digest ?? digest]);
    await this.#clear(repository, digests);
    const unlinked = await this.#authority.unlinkBlob(repository, digest);
    // Also when there was no link: the delete that removed it may have died before it could clear.
    await this.#clear(repository, digests);
    return unlinked;
  }

  listRepositoriesLinking(
    digest: Digest,
    page: PageRequest<RepositoryName>,
  ): Promise<readonly RepositoryName[]> {
    return this.#authority.listRepositoriesLinking(digest, page);
  }

  /** Ends probing; the cache itself is the caller's to close. */
  [Symbol.dispose](): void {
    this.#circuit[Symbol.dispose]();
  }

  /** What the cache says, or will say; `undefined` as well when it failed at once. */
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
    const cached = lookUp && (await this.#circuit.attempt(() => lookUp, deadline))?.value;
    if (cached !== undefined) {
      this.#counters.count("hits");
      return cached;
    }
    this.#counters.count("misses");
    const ticket = await this.#circuit.attempt(() => this.#cache.prepareFill(repository), deadline);
    const found = await this.#authority.findLinkedBlob(repository, digest);
    if (found !== undefined && ticket !== undefined) {
      // Nobody waits: the caller has its answer, and the circuit sees to it that a fill ends.
      void this.#fill(() => this.#cache.fill(repository, digest, found, ticket.value));
    }
    return found;
  }

  async #fill(fill: () => Promise<void>): Promise<void> {
    if ((await this.#circuit.attempt(fill)) !== undefined) this.#counters.count("fills");
  }

  async #clear(repository: RepositoryName, digests: ReadonlySet<Digest>): Promise<void> {
    const cleared = await this.#circuit.attempt(() =>
      Promise.all([...digests].map((digest) => this.#cache.clear(repository, digest))),
    );
    // The circuit is open now, so that no look-up here meets what could not be cleared.
    if (cleared === undefined) this.#owed.add(repository);
  }

  /** Pays what is owed; rejects while the cache cannot be trusted. */
  async #settle(): Promise<void> {
    await this.#cache.check();
    for (const repository of this.#owed) {
      this.#owed.delete(repository);
      try {
        await this.#cache.clear(repository);
      } catch (error) {
        this.#owed.add(repository);
        throw error;
      }
    }
    this.#log.info({ cache: this.#cache.name }, "descriptor cache answers again");
  }

  #failed(error: unknown): void {
    this.#counters.count("errors");
    const now = performance.now();
    if (now - this.#loggedAt < LOG_INTERVAL_MS) {
      this.#unlogged += 1;
      return;
    }
    this.#log.warn(
      { cache: this.#cache.name, err: error, unlogged: this.#unlogged },
      "descriptor cache failed",
    );
    this.#loggedAt = now;
    this.#unlogged = 0;
  }
}
