import { migrate } from "./migrate.ts";
import type { MetadataStore } from "./ports/metadata-store.ts";
import { MIGRATIONS } from "./schema.ts";
import { SqlBlobLinks } from "./sql-blob-links.ts";
import { SqlBuilds } from "./sql-builds.ts";
import { SqlContent } from "./sql-content.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { SqlListings } from "./sql-listings.ts";
import { SqlManifests } from "./sql-manifests.ts";
import { SqlPackageIndex } from "./sql-package-index.ts";
import { SqlReferrers } from "./sql-referrers.ts";
import { SqlSources } from "./sql-sources.ts";
import { SqlUnlinkLog } from "./sql-unlink-log.ts";
import { SqlUploads } from "./sql-uploads.ts";

/** How a metadata store is tuned. */
export interface MetadataStoreOptions {
  /** Memory for cached manifests in bytes; 0 caches none. */
  readonly manifestCacheBytes?: number;
  /** Runs before the first table of a new database is created; if it rejects, no table is created. */
  readonly beforeCreation?: (() => Promise<void>) | undefined;
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
  { manifestCacheBytes = DEFAULT_MANIFEST_CACHE_BYTES, beforeCreation }: MetadataStoreOptions = {},
): Promise<MetadataStore> {
  try {
    await migrate(engine, MIGRATIONS, beforeCreation);
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return {
    links: new SqlBlobLinks(engine),
    unlinks: new SqlUnlinkLog(engine),
    uploads: new SqlUploads(engine),
    content: new SqlContent(engine),
    manifests: new SqlManifests(engine, manifestCacheBytes),
    referrers: new SqlReferrers(engine),
    listings: new SqlListings(engine),
    builds: new SqlBuilds(engine),
    sources: new SqlSources(engine),
    packageIndex: new SqlPackageIndex(engine),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
