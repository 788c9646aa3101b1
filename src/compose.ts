import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { AptSource } from "./builder/apt/apt-source.ts";
import { OnDemandBuilder, type OnDemandParts } from "./builder/on-demand-builder.ts";
import { CommandRunner } from "./builder/process/command-runner.ts";
import { CachingStatter } from "./cache/caching-statter.ts";
import { MemoryDescriptorCache } from "./cache/memory-descriptor-cache.ts";
import { RedisDescriptorCache } from "./cache/redis-descriptor-cache.ts";
import { SharedLinks } from "./cache/shared-links.ts";
import { environment } from "./config/environment.ts";
import type { Config } from "./config/schema.ts";
import type { BlobProvider } from "./content/blob-services.ts";
import { BlobStore } from "./content/blob-store.ts";
import type { ContentDriver } from "./content/content-driver.ts";
import { FilesystemDriver } from "./content/filesystem-driver.ts";
import { HashThread } from "./content/hash-thread.ts";
import { MemoryDriver } from "./content/memory-driver.ts";
import { S3Driver, type S3DriverOptions } from "./content/s3-driver.ts";
import { SmallBlobCache } from "./content/small-blob-cache.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import type { Logger } from "./log.ts";
import type { BlobLinks, MetadataStore } from "./metadata/metadata-store.ts";
import { openPostgresEngine } from "./metadata/postgres-engine.ts";
import { PostgresLocks } from "./metadata/postgres-locks.ts";
import type { SqlEngine } from "./metadata/sql-engine.ts";
import { openMetadataStore } from "./metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "./metadata/sqlite-engine.ts";
import { KeyedLock } from "./oci/keyed-lock.ts";
import type { WorkLocks } from "./oci/work-locks.ts";
import { type AccessPolicy, OPEN_ACCESS } from "./registry/access-policy.ts";
import type { ImageStore } from "./registry/image-store.ts";
import { ManifestPulls } from "./registry/manifest-pulls.ts";
import { Registry } from "./registry/registry.ts";
import { RegistryImageStore } from "./registry/registry-image-store.ts";
import { startUploadExpiry } from "./registry/upload-expiry.ts";

/** Largest blob kept in memory: image configs and small layers, which cost more to open than to send. */
const SMALL_BLOB_BYTES = 64 * 1024;

/** Descriptors that an instance keeps itself beside those in Redis; some 200 bytes each. */
const NEAR_ENTRIES = 100_000;

/** Milliseconds between two looks at whether a cache that failed is back. */
const CACHE_PROBE_MS = 500;

/** This host's architecture, as image configs name it. */
const HOST_ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;

/** A package manager as an operator sees it. */
export interface BuildSource {
  readonly name: string;
  readonly available: boolean;
  /** Its version, or why it cannot be used. */
  readonly detail: string;
  /** A name that it builds. */
  readonly example: string;
}

/** A whole registry, ready to serve. */
export interface Slipway extends AsyncDisposable {
  /** The data folder, as an absolute path. */
  readonly data: string;
  /** The stored images, without HTTP. */
  readonly images: ImageStore;
  /** Builds images that nobody pushed; absent when that is switched off. */
  readonly builder: OnDemandBuilder | undefined;
  /** What can build images here, and what cannot and why. */
  buildSources(): Promise<readonly BuildSource[]>;
  /** Starts to listen, and to keep house. The caller stops it before it disposes of the registry. */
  serve(): HttpServer;
}

/**
 * Puts the parts together as the configuration says; `policy` decides about every request, all allowed unless given.
 * Whoever asked disposes of the result.
 *
 * @throws {StorageError} when a store cannot be opened; what was opened before is closed again
 */
export async function compose(
  config: Config,
  log: Logger,
  policy: AccessPolicy = OPEN_ACCESS,
): Promise<Slipway> {
  await using opened = new AsyncDisposableStack();
  const data = resolve(config.data);
  await mkdir(data, { recursive: true });
  const engine = await openEngine(config, data);
  const metadata = opened.use(
    await openMetadataStore(engine, { manifestCacheBytes: config.registry.manifestCacheBytes }),
  );
  const driver = opened.use(await openDriver(config, data));
  const locks = openLocks(config, opened);
  // On one processor a second thread would only take turns with the first.
  const hashThread = availableParallelism() > 1 ? opened.use(new HashThread()) : undefined;
  const store = new BlobStore(driver, { locks, ...(hashThread && { hashThread }) });
  const links = await withCache(config, metadata, engine, opened, log);
  const registry = new Registry({
    ledger: metadata,
    links,
    provider: withSmallBlobs(config, store),
    locator: config.content.driver === "s3" && config.content.redirect ? store : undefined,
    ingester: store,
    policy,
    rules: config.registry,
  });
  const images = new RegistryImageStore(store, store, links, registry.manifests);
  const builder = config.builder.enabled
    ? createBuilder(config, data, {
        store: images,
        ledger: metadata,
        locks,
        log: log.child({ area: "builder" }),
      })
    : undefined;
  const pulls = new ManifestPulls(registry.manifests, builder);
  const all = opened.move();
  return {
    data,
    images,
    builder,
    buildSources: async () => (builder === undefined ? [] : [await describeApt(builder)]),
    serve() {
      all.use(
        startUploadExpiry(
          registry.uploads,
          config.registry.uploadExpirySeconds,
          log.child({ area: "registry" }),
        ),
      );
      const services = { registry, pulls, limits: { ...config.http, deletes: config.registry.deletes } };
      return startHttpServer(services, config.http, log.child({ area: "http" }));
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function createBuilder(
  { builder }: Config,
  data: string,
  parts: Omit<OnDemandParts, "source">,
): OnDemandBuilder | undefined {
  if (!builder.apt.enabled) return undefined;
  const options = {
    stateFolder: join(data, "apt"),
    alwaysIncluded: builder.apt.include,
    essential: builder.apt.essential,
    refreshListsSeconds: builder.apt.listMaxAgeSeconds,
    ...(builder.apt.sourcesFile === undefined ? {} : { sourcesFile: resolve(builder.apt.sourcesFile) }),
  };
  const source = new AptSource(
    options,
    new CommandRunner({ environment: environment(), log: parts.log }),
    parts.log,
  );
  return new OnDemandBuilder(
    { ...parts, source },
    {
      platform: { os: "linux", architecture: HOST_ARCHITECTURE },
      layerBudget: builder.maxLayers,
      refreshSeconds: builder.refreshSeconds,
      concurrentBuilds: builder.parallelBuilds,
      timeoutSeconds: builder.timeoutSeconds,
    },
  );
}

async function describeApt(builder: OnDemandBuilder): Promise<BuildSource> {
  const found = await builder.available();
  const detail = found.available ? found.detail : found.reason;
  return { name: "apt", available: found.available, detail, example: "apt/curl/git:latest" };
}

async function openEngine({ metadata }: Config, data: string): Promise<SqlEngine> {
  switch (metadata.engine) {
    case "sqlite":
      return await openSqliteEngine(resolve(metadata.path ?? join(data, "metadata.sqlite")));
    case "postgres":
      return await openPostgresEngine(metadata.url, metadata);
  }
}

/** Locks among all who share the metadata. */
function openLocks({ metadata }: Config, opened: AsyncDisposableStack): WorkLocks {
  return metadata.engine === "postgres" ? opened.use(new PostgresLocks(metadata.url)) : new KeyedLock();
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

/** The bucket as the driver wants it told; a key without its secret counts for nothing, as with AWS's own tools. */
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
