import { LRUCache } from "lru-cache";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { DescriptorCache, FillTicket } from "./descriptor-cache.ts";

/** How much the cache holds, and when it forgets. */
export interface MemoryDescriptorCacheOptions {
  /** Memberships kept, and as many descriptors; those unused the longest go first. */
  readonly maxEntries: number;
  /**
   * A number that moves whenever another process changed what the cache is filled from; everything is forgotten
   * then. Called on every look-up. `undefined` while it cannot be told: then nothing is answered or filled.
   */
  readonly epoch?: () => number | undefined;
}

/** That a repository links a blob; one and the same object under all digests by which it does. */
interface Membership {
  readonly canonical: Digest;
}

/** Memberships and descriptors in this process's memory. */
export class MemoryDescriptorCache implements DescriptorCache {
  readonly name = "memory";
  readonly #epoch: (() => number | undefined) | undefined;
  readonly #members: LRUCache<string, Membership>;
  readonly #sizes: LRUCache<Digest, number>;
  #filledAt: number | undefined;
  /** Moves at every clear, so that an answer read before it is not filled in after it. */
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
    // Clearing the canonical digest is enough to clear the others, because they answer only along with it.
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

  /** Memory is always there. */
  async check(): Promise<void> {}

  /** Forgets everything when the epoch moved; false when the epoch is unknown. */
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

/** A repository's name holds no `@`, so no two pairs share a key. */
function linkKey(repository: RepositoryName, digest: string): string {
  return `${repository}@${digest}`;
}
