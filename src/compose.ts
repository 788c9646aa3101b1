import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { IndexUpkeep } from "./builder/index-upkeep.ts";
import { OnDemandBuilder, type OnDemandParts } from "./builder/on-demand-builder.ts";
import { PackageIndex, type PackageIndexParts } from "./builder/package-index.ts";
import type { PackageSource } from "./builder/package-source.ts";
import { openChosenPlan } from "./builder/plan/chosen-plan.ts";
import { CachingStatter } from "./cache/caching-statter.ts";
import { MemoryDescriptorCache } from "./cache/memory-descriptor-cache.ts";
import { RedisDescriptorCache } from "./cache/redis-descriptor-cache.ts";
import { SharedLinks } from "./cache/shared-links.ts";
import { SYSTEM_CLOCK } from "./clock.ts";
import { openPackageSources } from "./compose/package-sources.ts";
import { KeyedLock } from "./concurrency/keyed-lock.ts";
import type { WorkLocks } from "./concurrency/work-locks.ts";
import type { Config } from "./config/schema.ts";
import type { BlobProvider } from "./content/blob-services.ts";
import { BlobStore, type BlobStoreOptions } from "./content/blob-store.ts";
import type { ContentDriver } from "./content/content-driver.ts";
import { FilesystemDriver } from "./content/filesystem-driver.ts";
import { HashThread } from "./content/hash-thread.ts";
import { MemoryDriver } from "./content/memory-driver.ts";
import { S3Driver, type S3DriverOptions } from "./content/s3-driver.ts";
import { SmallBlobCache } from "./content/small-blob-cache.ts";
import type { UploadPatience } from "./content/upload-turns.ts";
import { BodyMemory } from "./http/body-memory.ts";
import { MemoryRoom } from "./http/memory-room.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import type { Logger } from "./log.ts";
import { FolderLocks } from "./metadata/folder-locks.ts";
import type { BlobLinks } from "./metadata/ports/blob-ledger.ts";
import type { MetadataStore } from "./metadata/ports/metadata-store.ts";
import type { SourceLedger } from "./metadata/ports/source-ledger.ts";
import { openPostgresEngine } from "./metadata/postgres-engine.ts";
import { PostgresLocks } from "./metadata/postgres-locks.ts";
import type { SqlEngine } from "./metadata/sql-engine.ts";
import { openMetadataStore } from "./metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "./metadata/sqlite-engine.ts";
import { type StorageError, storageFailure } from "./oci/storage-error.ts";
import { type AccessPolicy, OPEN_ACCESS } from "./registry/access-policy.ts";
import type { ImageStore } from "./registry/image-store.ts";
import { startLeftoverReport } from "./registry/leftover-report.ts";
import { ManifestPulls } from "./registry/manifest-pulls.ts";
import { ManifestThread } from "./registry/manifest-thread.ts";
import { startPresenceWatch } from "./registry/presence-watch.ts";
import { Registry } from "./registry/registry.ts";
import { RegistryImageStore } from "./registry/registry-image-store.ts";
import { startUploadExpiry } from "./registry/upload-expiry.ts";
import { refuseMissingContent, refuseNewMetadata } from "./registry/whole-data.ts";

/** Largest blob kept in memory: image configs and small layers, which cost more to open than to send. */
const SMALL_BLOB_BYTES = 64 * 1024;

/** Descriptors that an instance caches itself, besides those in Redis; about 200 bytes each. */
const NEAR_ENTRIES = 100_000;

/** Time between two checks of a failed cache, in milliseconds. */
const CACHE_PROBE_MS = 500;

/** This host's platform, as image configs name it. */
const HOST_PLATFORM = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };

/** A package manager, for the start message. */
export interface BuildSource {
  readonly name: string;
  readonly available: boolean;
  /** Its version, or why it is not available. */
  readonly detail: string;
  /** A name that it can build. */
  readonly example: string;
}

/** A whole registry, ready to serve. */
export interface Slipway extends AsyncDisposable {
  /** The data folder, as an absolute path. */
  readonly data: string;
  /** The stored images, without HTTP. */
  readonly images: ImageStore;
  /** Resolves when the data is lost while the server runs: removed, replaced or unmounted. */
  readonly lost: Promise<StorageError>;
  /** Builds images that nobody pushed; absent if it is disabled. */
  readonly builder: OnDemandBuilder | undefined;
  /** The packages that images can be built from; absent if there is no builder, or searches are disabled. */
  readonly packageIndex: PackageIndex | undefined;
  /** The package sources, and whether they are available. */
  buildSources(): Promise<readonly BuildSource[]>;
  /** Starts to listen, and starts the periodic tasks. The caller stops it before it disposes of the registry. */
  serve(): HttpServer;
}

/** Options of one start. */
export interface ComposeOptions {
  /** Starts even if the metadata or the content is missing. */
  readonly acceptDataLoss?: boolean;
  /** How long requests for one upload wait for each other. */
  readonly uploadPatience?: UploadPatience;
}

/**
 * Creates and connects all parts by the configuration. `policy` decides about every request; by default everything is
 * allowed. The caller disposes of the result.
 *
 * @throws {StorageError} if a store cannot be opened; everything opened before is closed again
 * @throws {PartialDataError} if half of the data is missing
 * @throws {PopularityError} if popularity data cannot be read
 */
export async function compose(
  config: Config,
  log: Logger,
  policy: AccessPolicy = OPEN_ACCESS,
  { acceptDataLoss = false, uploadPatience: patience }: ComposeOptions = {},
): Promise<Slipway> {
  await using opened = new AsyncDisposableStack();
  const data = resolve(config.data);
  await mkdir(data, { recursive: true });
  const { engine, metadata, driver } = await openStores(config, data, opened, log, acceptDataLoss);
  const locks = await openLocks(config, data, opened);
  const store = createBlobStore(driver, { locks, ...(patience && { patience }) }, opened, log);
  const links = await withCache(config, metadata, engine, opened, log);
  const provider = withSmallBlobs(config, store);
  const registry = new Registry({
    ledger: metadata,
    links,
    provider,
    locator: config.content.driver === "s3" && config.content.redirect ? store : undefined,
    ingester: store,
    policy,
    rules: config.registry,
    manifestThread: opened.use(
      new ManifestThread((err) => log.error({ err }, "the thread that reads manifests failed")),
    ),
    log: log.child({ area: "registry" }),
  });
  const images = new RegistryImageStore(store, provider, links, registry.manifests);
  const builderLog = log.child({ area: "builder" });
  const building = { store: images, ledger: metadata, locks, log: builderLog };
  const builder = await createBuilder(config, data, building, opened);
  const packageIndex = createPackageIndex(config, builder, { ledger: metadata, locks });
  const pulls = new ManifestPulls(registry.manifests, builder);
  const all = opened.move();
  const lost = Promise.withResolvers<StorageError>();
  return {
    data,
    images,
    builder,
    packageIndex,
    lost: lost.promise,
    buildSources: async () =>
      builder === undefined ? [] : await Promise.all(builder.sources.map(describeSource)),
    serve() {
      all.use(startPresenceWatch([engine, driver, locks], lost.resolve));
      const registryLog = log.child({ area: "registry" });
      const { uploadExpirySeconds } = config.registry;
      all.use(startUploadExpiry(registry.uploads, uploadExpirySeconds, registryLog));
      all.use(startLeftoverReport({ content: store, ledger: metadata }, uploadExpirySeconds, registryLog));
      if (packageIndex) all.use(new IndexUpkeep(packageIndex, SYSTEM_CLOCK, builderLog));
      const limits = { ...config.http, deletes: config.registry.deletes };
      const { bodyMemoryBytes, memoryTargetBytes } = config.http;
      const bodies = new BodyMemory(bodyMemoryBytes, new MemoryRoom(memoryTargetBytes));
      const services = { registry, pulls, limits, bodies };
      return startHttpServer(services, config.http, log.child({ area: "http" }));
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/**
 * Opens the two halves of the data. Unless `acceptDataLoss` is set, refuses if one has data and the other is empty.
 */
async function openStores(
  config: Config,
  data: string,
  opened: AsyncDisposableStack,
  log: Logger,
  acceptDataLoss: boolean,
) {
  const driver = opened.use(await openDriver(config, data));
  // Content in memory is always lost with a restart.
  const mayRefuse = !acceptDataLoss && config.content.driver !== "memory";
  const engine = await openEngine(config, data, log.child({ area: "metadata" }));
  const metadata = opened.use(
    await openMetadataStore(engine, {
      manifestCacheBytes: config.registry.manifestCacheBytes,
      ...(mayRefuse && { beforeCreation: () => refuseNewMetadata(driver) }),
    }),
  );
  if (mayRefuse) await refuseMissingContent(metadata, driver);
  return { engine, metadata, driver };
}

async function createBuilder(
  { builder }: Config,
  data: string,
  parts: Omit<OnDemandParts, "sources"> & { readonly ledger: SourceLedger },
  opened: AsyncDisposableStack,
): Promise<OnDemandBuilder | undefined> {
  if (!builder.enabled) return undefined;
  const sources = openPackageSources(builder, data, parts, opened);
  if (sources.length === 0) return undefined;
  return new OnDemandBuilder(
    { ...parts, sources },
    {
      platform: HOST_PLATFORM,
      layerRules: { plan: await openChosenPlan(builder, parts.log), budget: builder.maxLayers },
      refreshSeconds: builder.refreshSeconds,
      concurrentBuilds: builder.parallelBuilds,
      maxWaiting: builder.maxWaiting,
      maxWaitingPerCaller: builder.maxWaitingPerClient,
      failureSeconds: builder.failureSeconds,
      timeoutSeconds: builder.timeoutSeconds,
    },
  );
}

function createPackageIndex(
  config: Config,
  builder: OnDemandBuilder | undefined,
  parts: Pick<PackageIndexParts, "ledger" | "locks">,
): PackageIndex | undefined {
  if (builder === undefined || !config.builder.search) return undefined;
  return new PackageIndex({ ...parts, sources: builder.sources, platform: HOST_PLATFORM });
}

async function describeSource(source: PackageSource): Promise<BuildSource> {
  const found = await source.available();
  const detail = found.available ? found.detail : found.reason;
  return { name: source.name, available: found.available, detail, example: `${source.example}:latest` };
}

async function openEngine({ metadata }: Config, data: string, log: Logger): Promise<SqlEngine> {
  switch (metadata.engine) {
    case "sqlite":
      return await openSqliteEngine(sqlitePath(metadata.path, data), (error) => {
        const failure = storageFailure(error);
        log.warn({ ...failure?.storage, err: error }, failure?.remedy ?? "the database needs attention");
      });
    case "postgres":
      return await openPostgresEngine(metadata.url, metadata);
  }
}

/** The blobs in `driver`, hashed by a thread of their own where there is more than one processor. */
function createBlobStore(
  driver: ContentDriver,
  options: BlobStoreOptions,
  opened: AsyncDisposableStack,
  log: Logger,
): BlobStore {
  const onFailure = (err: Error) => log.error({ err }, "the thread that hashes failed");
  const hashThread = availableParallelism() > 1 ? opened.use(new HashThread(onFailure)) : undefined;
  return new BlobStore(driver, { ...options, ...(hashThread && { hashThread }) });
}

/** Locks for all processes that share the metadata. */
async function openLocks(config: Config, data: string, opened: AsyncDisposableStack): Promise<WorkLocks> {
  const { metadata, content } = config;
  if (metadata.engine === "postgres") return opened.use(new PostgresLocks(metadata.url));
  // Content in memory belongs to one process.
  if (content.driver === "memory") return new KeyedLock();
  return await FolderLocks.open(`${sqlitePath(metadata.path, data)}-locks`);
}

function sqlitePath(path: string | undefined, data: string): string {
  return resolve(path ?? join(data, "metadata.sqlite"));
}

async function openDriver({ content }: Config, data: string): Promise<ContentDriver> {
  switch (content.driver) {
    case "filesystem":
      return await FilesystemDriver.open({
        root: resolve(content.root ?? join(data, "content")),
        directWrites: content.directWrites,
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
    ...(content.endpoint && { endpoint: content.endpoint }),
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
    ...(content.storageClass && { storageClass: content.storageClass }),
    ...(encryption && {
      encryption: {
        algorithm: encryption,
        ...(content.encryptionKeyId && { keyId: content.encryptionKeyId }),
      },
    }),
    ...(content.redirect && { redirect: { ...(redirectEndpoint && { endpoint: redirectEndpoint }) } }),
  };
}

function withSmallBlobs({ registry }: Config, store: BlobProvider): BlobProvider {
  const { smallBlobCacheBytes: maxBytes } = registry;
  return maxBytes === 0 ? store : new SmallBlobCache(store, { maxBytes, maxBlobBytes: SMALL_BLOB_BYTES });
}

async function withCache(
  { cache }: Config,
  authority: MetadataStore,
  engine: SqlEngine,
  opened: AsyncDisposableStack,
  log: Logger,
): Promise<BlobLinks> {
  const area = log.child({ area: "cache" });
  const shared = { authority, shared: undefined, log: area };
  switch (cache.driver) {
    case "none":
      return authority;
    case "memory": {
      if (engine.name === "postgres")
        return opened.use(new SharedLinks({ ...shared, maxEntries: cache.maxEntries }));
      const memory = new MemoryDescriptorCache({ maxEntries: cache.maxEntries, epoch: () => engine.epoch() });
      return opened.use(new CachingStatter(authority, memory, area));
    }
    case "redis": {
      const redis = opened.use(new RedisDescriptorCache({ url: cache.url }));
      const circuit = { deadlineMs: cache.deadlineMs, probeIntervalMs: CACHE_PROBE_MS };
      const statter = opened.use(new CachingStatter(authority, redis, area, circuit));
      await statter.start();
      return opened.use(new SharedLinks({ ...shared, shared: statter, maxEntries: NEAR_ENTRIES }));
    }
  }
}
