import { LRUCache } from "lru-cache";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { DescriptorCache, FillTicket } from "./descriptor-cache.ts";

/** How many entries the cache keeps, and when it forgets them all. */
export interface MemoryDescriptorCacheOptions {
  /** Maximum number of links, and of descriptors. The least recently used are dropped first. */
  readonly maxEntries: number;
  /**
   * A number that changes when another process changes the authority; the cache then forgets everything. Called on
   * every look-up. While it is `undefined`, the cache answers and stores nothing.
   */
  readonly epoch?: () => number | undefined;
}

/** A repository's link to a blob; the same object under every digest of the blob. */
interface Membership {
  readonly canonical: Digest;
}

/** Descriptor cache in this process's memory. */
export class MemoryDescriptorCache implements DescriptorCache {
  readonly name = "memory";
  readonly #epoch: (() => number | undefined) | undefined;
  readonly #members: LRUCache<string, Membership>;
  readonly #sizes: LRUCache<Digest, number>;
  #filledAt: number | undefined;
  /** Changes at every clear, so that a value read before a clear is not stored after it. */
  #generation = 0;

  constructor(options: MemoryDescriptorCacheOptions) {
    this.#epoch = options.epoch;
    this.#members = new LRUCache({ max: options.maxEntries });
    this.#sizes = new LRUCache({ max: options.maxEntries });
  }

  find(repository: RepositoryName, digest: Digest): ReturnType<DescriptorCache["find"]> {
    if (!this.#isCurrent()) return undefined;
    const member = this.#members.get(linkKey(repository, digest));
    if (member === undefined) return undefined;
    const { canonical } = member;
    // Clearing the canonical digest also clears the others, because they need it to answer.
    if (canonical !== digest && this.#members.get(linkKey(repository, canonical)) !== member)
      return undefined;
    const size = this.#sizes.get(canonical);
    return size === undefined ? undefined : { digest: canonical, size };
  }

  async prepareFill(): Promise<FillTicket> {
    this.#isCurrent();
    return this.#ticket();
  }

  async fill(
    repository: RepositoryName,
    digest: Digest,
    descriptor: BlobDescriptor,
    ticket: FillTicket,
  ): Promise<void> {
    if (!this.#isCurrent() || ticket !== this.#ticket()) return;
    const canonicalKey = linkKey(repository, descriptor.digest);
    const member = this.#members.get(canonicalKey) ?? { canonical: descriptor.digest };
    this.#members.set(canonicalKey, member);
    this.#members.set(linkKey(repository, digest), member);
    this.#sizes.set(descriptor.digest, descriptor.size);
  }

  async clear(repository: RepositoryName, digest?: Digest): Promise<void> {
    this.#generation += 1;
    if (digest !== undefined) {
      this.#members.delete(linkKey(repository, digest));
      return;
    }
    const prefix = linkKey(repository, "");
    for (const key of [...this.#members.keys()]) if (key.startsWith(prefix)) this.#members.delete(key);
  }

  /** Does nothing: memory always works. */
  async check(): Promise<void> {}

  /** Forgets everything if the epoch changed; false if the epoch is unknown. */
  #isCurrent(): boolean {
    if (this.#epoch === undefined) return true;
    const epoch = this.#epoch();
    if (epoch !== this.#filledAt) {
      this.#generation += 1;
      this.#members.clear();
      this.#sizes.clear();
      this.#filledAt = epoch;
    }
    return epoch !== undefined;
  }

  #ticket(): FillTicket {
    return String(this.#generation) as FillTicket;
  }
}

/** A repository name contains no `@`, so every pair has its own key. */
function linkKey(repository: RepositoryName, digest: string): string {
  return `${repository}@${digest}`;
}
