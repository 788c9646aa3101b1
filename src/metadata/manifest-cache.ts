import { LRUCache } from "lru-cache";
import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { StoredManifest } from "./ports/manifest-ledger.ts";

interface CachedManifest {
  readonly epoch: number;
  readonly manifest: StoredManifest;
}

/** Approximate bytes of an entry besides the manifest: key, object and place in the list. */
const ENTRY_OVERHEAD_BYTES = 512;

/** Cache of manifests, each valid only in the epoch of the database in which it was read. */
export class ManifestCache {
  readonly #entries: LRUCache<string, CachedManifest>;

  /** @param maxBytes limit of the cache, 1 or more; a larger manifest is never cached */
  constructor(maxBytes: number) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ manifest }) => manifest.size + ENTRY_OVERHEAD_BYTES,
    });
  }

  /** The manifest, if it was read in this epoch. */
  get(epoch: number, repository: RepositoryName, reference: Reference): StoredManifest | undefined {
    const entry = this.#entries.get(`${repository}@${reference}`);
    return entry?.epoch === epoch ? entry.manifest : undefined;
  }

  /** Stores a manifest; take `epoch` before you read the manifest. */
  set(epoch: number, repository: RepositoryName, reference: Reference, manifest: StoredManifest): void {
    this.#entries.set(`${repository}@${reference}`, { epoch, manifest });
  }
}
