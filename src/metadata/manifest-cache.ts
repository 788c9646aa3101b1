import { LRUCache } from "lru-cache";
import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { StoredManifest } from "./metadata-store.ts";

interface CachedManifest {
  readonly epoch: number;
  readonly manifest: StoredManifest;
}

/** About what an entry takes beside the manifest's bytes: key, object and place in the list. */
const ENTRY_OVERHEAD_BYTES = 512;

/** Manifests found lately, each valid only in the epoch of the database it was read in. */
export class ManifestCache {
  readonly #entries: LRUCache<string, CachedManifest>;

  /** @param maxBytes bound on what the cache holds, 1 or more; a larger manifest is never kept */
  constructor(maxBytes: number) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ manifest }) => manifest.bytes.byteLength + ENTRY_OVERHEAD_BYTES,
    });
  }

  /** The manifest, when it was read in this very epoch. */
  get(epoch: number, repository: RepositoryName, reference: Reference): StoredManifest | undefined {
    const entry = this.#entries.get(`${repository}@${reference}`);
    return entry?.epoch === epoch ? entry.manifest : undefined;
  }

  /** Keeps a manifest; `epoch` must have been taken before it was read. */
  set(epoch: number, repository: RepositoryName, reference: Reference, manifest: StoredManifest): void {
    this.#entries.set(`${repository}@${reference}`, { epoch, manifest });
  }
}
