import { realpath } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import type { WorkLocks } from "../concurrency/work-locks.ts";
import type { Config } from "../config/schema.ts";
import type { BlobProvider } from "../content/blob-services.ts";
import { BlobStore, type BlobStoreOptions } from "../content/blob-store.ts";
import type { ContentDriver } from "../content/content-driver.ts";
import { FilesystemDriver } from "../content/filesystem-driver.ts";
import { HashThread } from "../content/hash-thread.ts";
import { MemoryDriver } from "../content/memory-driver.ts";
import { S3Driver, type S3DriverOptions } from "../content/s3-driver.ts";
import { SmallBlobCache } from "../content/small-blob-cache.ts";
import { makeDurableFolder } from "../files/durable-folder.ts";
import type { Logger } from "../log.ts";
import { FolderLocks } from "../metadata/folder-locks.ts";
import { openPostgresEngine } from "../metadata/postgres-engine.ts";
import { PostgresLocks } from "../metadata/postgres-locks.ts";
import { SpaceReserve } from "../metadata/space-reserve.ts";
import type { SqlEngine } from "../metadata/sql-engine.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine, type SqliteOptions } from "../metadata/sqlite-engine.ts";
import { storageFailure } from "../oci/storage-error.ts";
import { refuseMissingContent, refuseNewMetadata } from "../registry/whole-data.ts";

/** Largest blob kept in memory: image configs and small layers, which cost more to open than to send. */
const SMALL_BLOB_BYTES = 64 * 1024;

/** How to open the stores. */
export interface StoreOptions {
  /** Starts even if the metadata or the content is missing. */
  readonly acceptDataLoss?: boolean;
  /** Pages in the log of SQLite's metadata that start a checkpoint, for tests. */
  readonly checkpointPages?: number | undefined;
}

/**
 * Opens the two halves of the data, metadata and content. Fails if one has data and the other is empty, unless
 * `acceptDataLoss` is set.
 */
export async function openStores(
  config: Config,
  data: string,
  opened: AsyncDisposableStack,
  log: Logger,
  { acceptDataLoss = false, checkpointPages }: StoreOptions,
) {
  const metadataLog = log.child({ area: "metadata" });
  const reserve = await openReserve(config, data, metadataLog);
  const driver = opened.use(await openDriver(config, data, reserve));
  // Content in memory is always lost with a restart.
  const mayRefuse = !acceptDataLoss && config.content.driver !== "memory";
  const engine = await openEngine(config, data, metadataLog, { checkpointPages, reserve });
  const metadata = opened.use(
    await openMetadataStore(engine, {
      manifestCacheBytes: config.registry.manifestCacheBytes,
      beforeCreation: mayRefuse ? () => refuseNewMetadata(driver) : undefined,
    }),
  );
  if (mayRefuse) await refuseMissingContent(metadata.content, driver);
  return { engine, metadata, driver };
}

/** Space for deletes on a full disk, beside the metadata's file if there is one. */
async function openReserve(
  { metadata }: Config,
  data: string,
  log: Logger,
): Promise<SpaceReserve | undefined> {
  if (metadata.engine !== "sqlite") return undefined;
  const path = sqlitePath(metadata.path, data);
  await makeDurableFolder(dirname(path));
  const reserve = SpaceReserve.open(`${path}-reserve`, metadata.reserveBytes);
  if (metadata.reserveBytes > 0 && !reserve.isKept)
    log.warn(
      { bytes: metadata.reserveBytes },
      "there is no space to keep for deletes; free some space, then restart",
    );
  return reserve;
}

async function openEngine(
  { metadata }: Config,
  data: string,
  log: Logger,
  options: Pick<SqliteOptions, "checkpointPages" | "reserve">,
): Promise<SqlEngine> {
  const onWarning = (error: Error) => {
    const failure = storageFailure(error);
    log.warn({ ...failure?.storage, err: error }, failure?.remedy ?? "the database needs attention");
  };
  switch (metadata.engine) {
    case "sqlite":
      return await openSqliteEngine(sqlitePath(metadata.path, data), { onWarning, ...options });
    case "postgres":
      return await openPostgresEngine(metadata.url, metadata);
  }
}

/** The blobs in `driver`. With more than one processor, a separate thread hashes them. */
export function createBlobStore(
  driver: ContentDriver,
  options: BlobStoreOptions,
  opened: AsyncDisposableStack,
  log: Logger,
): BlobStore {
  const onFailure = (err: Error) => log.error({ err }, "the thread that hashes failed");
  const hashThread = availableParallelism() > 1 ? opened.use(new HashThread(onFailure)) : undefined;
  return new BlobStore(driver, { ...options, hashThread });
}

/** Locks for all processes that share the metadata. */
export async function openLocks(
  config: Config,
  data: string,
  opened: AsyncDisposableStack,
): Promise<WorkLocks> {
  const { metadata, content } = config;
  if (metadata.engine === "postgres") return opened.use(new PostgresLocks(metadata.url));
  // Content in memory belongs to one process.
  if (content.driver === "memory") return new KeyedLock();
  // Processes that reach the file by different paths must see the same locks.
  return await FolderLocks.open(`${await realpath(sqlitePath(metadata.path, data))}-locks`);
}

/** The file of the metadata; `undefined` if it is not in a file. */
export function metadataPath({ metadata, data }: Config): string | undefined {
  return metadata.engine === "sqlite" ? sqlitePath(metadata.path, resolve(data)) : undefined;
}

function sqlitePath(path: string | undefined, data: string): string {
  return resolve(path ?? join(data, "metadata.sqlite"));
}

async function openDriver(
  { content }: Config,
  data: string,
  reserve: SpaceReserve | undefined,
): Promise<ContentDriver> {
  switch (content.driver) {
    case "filesystem":
      return await FilesystemDriver.open({
        root: resolve(content.root ?? join(data, "content")),
        directWrites: content.directWrites,
        requireSpace: reserve && (() => reserve.check()),
      });
    case "memory":
      return new MemoryDriver({ maxBytes: content.maxBytes });
    case "s3":
      return await S3Driver.open(s3Options(content));
  }
}

/** The driver's options for a bucket. A key without its secret is ignored, as in AWS's own tools. */
function s3Options(content: Extract<Config["content"], { driver: "s3" }>): S3DriverOptions {
  const { accessKeyId, secretAccessKey, encryption, redirectEndpoint } = content;
  const root = content.root.replace(/^\/+|\/+$/g, "");
  return {
    bucket: content.bucket,
    prefix: root === "" ? "" : `${root}/`,
    region: content.region,
    forcePathStyle: content.forcePathStyle,
    partSizeBytes: content.partBytes,
    endpoint: content.endpoint,
    credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined,
    storageClass: content.storageClass,
    encryption: encryption && { algorithm: encryption, keyId: content.encryptionKeyId },
    redirect: content.redirect ? { endpoint: redirectEndpoint } : undefined,
  };
}

/** Blobs from `store`, the small ones from memory unless that is disabled. */
export function withSmallBlobs({ registry }: Config, store: BlobProvider): BlobProvider {
  const { smallBlobCacheBytes: maxBytes } = registry;
  return maxBytes === 0 ? store : new SmallBlobCache(store, { maxBytes, maxBlobBytes: SMALL_BLOB_BYTES });
}
