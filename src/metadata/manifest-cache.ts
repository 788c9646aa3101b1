import { LRUCache } from "lru-cache";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { StoredManifest } from "./ports/manifest-ledger.ts";

interface CachedManifest {
  readonly epoch: number;
  readonly manifest: StoredManifest;
}

/** The database behind a {@link ManifestCache}. */
export interface ManifestSource {
  /** Changes whenever any process commits a change; `undefined` if nothing may be cached. */
  epoch(): number | undefined;
  find(repository: RepositoryName, reference: Reference): Promise<StoredManifest | undefined>;
}

/** Approximate bytes of an entry besides the manifest: key, object and place in the list. */
const ENTRY_OVERHEAD_BYTES = 512;

/** Cache of manifests, each valid only in the epoch of the database in which it was read. */
export class ManifestCache {
  readonly #source: ManifestSource;
  readonly #entries: LRUCache<string, CachedManifest>;

  /** @param maxBytes limit of the cache, 1 or more; a larger manifest is never cached */
  constructor(source: ManifestSource, maxBytes: number) {
    this.#source = source;
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ manifest }) => manifest.size + ENTRY_OVERHEAD_BYTES,
    });
  }

  /** The manifest: at once if it was read in this epoch, otherwise from the source. */
  find(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined> {
    const epoch = this.#source.epoch();
    if (epoch === undefined) return this.#source.find(repository, reference);
    const entry = this.#entries.get(`${repository}@${reference}`);
    return entry?.epoch === epoch ? entry.manifest : this.#findAndKeep(epoch, repository, reference);
  }

  /** Take `epoch` before the call: a commit during the read then makes the entry invalid. */
  async #findAndKeep(
    epoch: number,
    repository: RepositoryName,
    reference: Reference,
  ): Promise<StoredManifest | undefined> {
    const manifest = await this.#source.find(repository, reference);
    if (manifest?.bytes !== undefined) this.#entries.set(`${repository}@${reference}`, { epoch, manifest });
    return manifest;
  }
}
