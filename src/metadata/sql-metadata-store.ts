import type { Awaitable } from "../oci/awaitable.ts";
import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { ManifestCache } from "./manifest-cache.ts";
import type { ManifestLedger, MetadataStore, StoredManifest } from "./metadata-store.ts";
import { migrate } from "./migrate.ts";
import { sqlBlobLinks } from "./sql-blob-links.ts";
import { sqlBuilds } from "./sql-builds.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { deleteManifest, findManifest, putManifest } from "./sql-manifests.ts";
import { listReferrers } from "./sql-referrers.ts";
import { listRepositories } from "./sql-repositories.ts";
import { deleteTag, listTags } from "./sql-tags.ts";
import { sqlUnlinkLog } from "./sql-unlink-log.ts";
import { sqlUploads } from "./sql-uploads.ts";

/** How a metadata store is tuned. */
export interface MetadataStoreOptions {
  /** Bound on the manifests kept in memory; 0 keeps none. */
  readonly manifestCacheBytes?: number;
}

const DEFAULT_MANIFEST_CACHE_BYTES = 64 * 1024 * 1024;

/**
 * The metadata in `engine`'s database, brought to the newest schema first.
 *
 * Takes the engine over: disposing of the store closes it, and so does a failure to open.
 *
 * @throws {DatabaseTooNewError}
 */
export async function openMetadataStore(
  engine: SqlEngine,
  options: MetadataStoreOptions = {},
): Promise<MetadataStore> {
  try {
    await migrate(engine);
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return {
    ...sqlBlobLinks(engine),
    ...sqlUnlinkLog(engine),
    ...sqlManifestLedger(engine, options.manifestCacheBytes ?? DEFAULT_MANIFEST_CACHE_BYTES),
    ...sqlUploads(engine),
    ...sqlBuilds(engine),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

function sqlManifestLedger(engine: SqlEngine, cacheBytes: number): ManifestLedger {
  const cache = cacheBytes > 0 ? new ManifestCache(cacheBytes) : undefined;
  return {
    findManifest: (repository, reference) => findCachedManifest(engine, cache, repository, reference),
    putManifest: (repository, manifest, tags) => putManifest(engine, repository, manifest, tags),
    deleteManifest: (repository, digest) => deleteManifest(engine, repository, digest),
    deleteTag: (repository, tag) => deleteTag(engine, repository, tag),
    listReferrers: (repository, subject, filter, page) =>
      listReferrers(engine, repository, subject, filter, page),
    listTags: (repository, page) => listTags(engine, repository, page),
    listRepositories: (page) => listRepositories(engine, page),
  };
}

function findCachedManifest(
  engine: SqlEngine,
  cache: ManifestCache | undefined,
  repository: RepositoryName,
  reference: Reference,
): Awaitable<StoredManifest | undefined> {
  const epoch = cache ? engine.epoch() : undefined;
  if (!cache || epoch === undefined) return findManifest(engine, repository, reference);
  const kept = cache.get(epoch, repository, reference);
  return kept ?? findAndKeepManifest(engine, cache, epoch, repository, reference);
}

async function findAndKeepManifest(
  engine: SqlEngine,
  cache: ManifestCache,
  epoch: number,
  repository: RepositoryName,
  reference: Reference,
): Promise<StoredManifest | undefined> {
  const manifest = await findManifest(engine, repository, reference);
  if (manifest) cache.set(epoch, repository, reference, manifest);
  return manifest;
}
