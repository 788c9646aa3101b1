import type { Awaitable } from "../concurrency/awaitable.ts";
import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { ManifestCache } from "./manifest-cache.ts";
import { migrate } from "./migrate.ts";
import type { ManifestLedger, StoredManifest } from "./ports/manifest-ledger.ts";
import type { MetadataStore } from "./ports/metadata-store.ts";
import { MIGRATIONS } from "./schema.ts";
import { linksBlobs, sqlBlobLinks } from "./sql-blob-links.ts";
import { sqlBuilds } from "./sql-builds.ts";
import { sqlContent } from "./sql-content.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { deleteManifest, findManifest, putManifest, readManifest } from "./sql-manifests.ts";
import { sqlPackageIndex } from "./sql-package-index.ts";
import { findReferrers, listReferrers, readDescriptors } from "./sql-referrers.ts";
import { listRepositories } from "./sql-repositories.ts";
import { sqlSources } from "./sql-sources.ts";
import { deleteTag, listTags } from "./sql-tags.ts";
import { sqlUnlinkLog } from "./sql-unlink-log.ts";
import { sqlUploads } from "./sql-uploads.ts";

/** How a metadata store is tuned. */
export interface MetadataStoreOptions {
  /** Memory for cached manifests in bytes; 0 caches none. */
  readonly manifestCacheBytes?: number;
  /** Runs before the first table of a new database is created; if it rejects, no table is created. */
  readonly beforeCreation?: () => Promise<void>;
}

const DEFAULT_MANIFEST_CACHE_BYTES = 64 * 1024 * 1024;

/**
 * Opens the metadata in `engine`'s database, after migrating it to the newest schema.
 *
 * Takes over the engine: disposing of the store closes it, and so does a failure to open.
 *
 * @throws {DatabaseTooNewError}
 */
export async function openMetadataStore(
  engine: SqlEngine,
  options: MetadataStoreOptions = {},
): Promise<MetadataStore> {
  try {
    await migrate(engine, MIGRATIONS, options.beforeCreation);
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return {
    ...sqlBlobLinks(engine),
    ...sqlUnlinkLog(engine),
    ...sqlManifestLedger(engine, options.manifestCacheBytes ?? DEFAULT_MANIFEST_CACHE_BYTES),
    ...sqlUploads(engine),
    ...sqlContent(engine),
    ...sqlBuilds(engine),
    ...sqlSources(engine),
    ...sqlPackageIndex(engine),
    linksBlobs: () => linksBlobs(engine),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

function sqlManifestLedger(engine: SqlEngine, cacheBytes: number): ManifestLedger {
  const cache = cacheBytes > 0 ? new ManifestCache(cacheBytes) : undefined;
  return {
    findManifest: (repository, reference) => findCachedManifest(engine, cache, repository, reference),
    readManifest: (repository, digest) => readManifest(engine, repository, digest),
    putManifest: (repository, manifest, tags, condition) =>
      putManifest(engine, repository, manifest, tags, condition),
    deleteManifest: (repository, digest, condition) => deleteManifest(engine, repository, digest, condition),
    deleteTag: (repository, tag, condition) => deleteTag(engine, repository, tag, condition),
    listReferrers: (repository, subject, filter, page) =>
      listReferrers(engine, repository, subject, filter, page),
    findReferrers: (repository, subject, filter, candidates) =>
      findReferrers(engine, repository, subject, filter, candidates),
    readDescriptors: (repository, referrers) => readDescriptors(engine, repository, referrers),
    epoch: () => engine.epoch(),
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
  if (manifest?.bytes !== undefined) cache.set(epoch, repository, reference, manifest);
  return manifest;
}
