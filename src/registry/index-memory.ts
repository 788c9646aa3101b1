import { LRUCache } from "lru-cache";
import type { Platform } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { listEntries } from "../oci/manifest-list.ts";

/** The remembered facts of an index or list. */
interface KnownIndex {
  /** Digests of its entries, each once, in ascending order. */
  readonly digests: readonly Digest[];
  /** First entry of each platform, by {@link platformKey}. */
  readonly children: ReadonlyMap<string, Digest>;
}

/** A page of an index's entries. */
export interface IndexEntries {
  /** In ascending order. */
  readonly digests: readonly Digest[];
  /** Whether more entries follow. */
  readonly more: boolean;
}

/** Approximate memory of an entry in bytes: its digest, and its place in the list. */
const ENTRY_BYTES = 128;

/** Remembers the entries of indexes, so that they are parsed once and not for each request. Content under a digest never changes. */
export class IndexMemory {
  readonly #known: LRUCache<Digest, KnownIndex>;

  /** @param maxBytes approximate limit in bytes, 1 or more */
  constructor(maxBytes: number) {
    this.#known = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ digests }) => (1 + digests.length) * ENTRY_BYTES,
    });
  }

  /** Parses an index or list and remembers it; other bytes have no entries. */
  remember(index: Digest, bytes: Uint8Array): void {
    const entries = listEntries(bytes);
    const children = new Map<string, Digest>();
    for (const { digest, platform } of entries) {
      if (!platform) continue;
      const key = platformKey(platform);
      if (!children.has(key)) children.set(key, digest);
    }
    const digests = [...new Set(entries.map(({ digest }) => digest))].toSorted();
    this.#known.set(index, { digests, children });
  }

  /** At most `limit` entries after `after`; `undefined` if the index is not remembered. */
  entriesAfter(index: Digest, after: Digest | undefined, limit: number): IndexEntries | undefined {
    const known = this.#known.get(index);
    if (known === undefined) return undefined;
    const start = after === undefined ? 0 : firstAfter(known.digests, after);
    const digests = known.digests.slice(start, start + limit);
    return { digests, more: start + limit < known.digests.length };
  }

  /** The first entry for a platform, if there is one; `undefined` if the index is not remembered. */
  childFor(index: Digest, platform: IndexPlatform): { readonly child: Digest | undefined } | undefined {
    const known = this.#known.get(index);
    return known && { child: known.children.get(platformKey(platform)) };
  }
}

type IndexPlatform = Pick<Platform, "os" | "architecture">;

function platformKey({ os, architecture }: IndexPlatform): string {
  return `${os}/${architecture}`;
}

/** Position of the first of the sorted digests after `after`. */
function firstAfter(digests: readonly Digest[], after: Digest): number {
  let [low, high] = [0, digests.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((digests[middle] as Digest) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
