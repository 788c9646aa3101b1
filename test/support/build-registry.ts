import { join } from "node:path";
import { AptSource } from "../../src/builder/apt/apt-source.ts";
import type { ImageSources } from "../../src/builder/apt/sources/chosen-sources.ts";
import { SpoolRoom } from "../../src/builder/archive-spool.ts";
import { factsFinisher } from "../../src/builder/debian/facts-finisher.ts";
import type { ImageFinisher } from "../../src/builder/debian/image-finisher.ts";
import { GzipThreads } from "../../src/builder/gzip-threads.ts";
import {
  OnDemandBuilder,
  type OnDemandOptions,
  type OnDemandParts,
} from "../../src/builder/on-demand-builder.ts";
import { sizePlan } from "../../src/builder/plan/size-plan.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { KeyedLock } from "../../src/concurrency/keyed-lock.ts";
import { BlobStore } from "../../src/content/blob-store.ts";
import { FilesystemDriver } from "../../src/content/filesystem-driver.ts";
import { SmallBlobCache } from "../../src/content/small-blob-cache.ts";
import { createLogger } from "../../src/log.ts";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import { OPEN_ACCESS } from "../../src/registry/access-policy.ts";
import type { ImageRegistry } from "../../src/registry/image-registry.ts";
import { LocalRegistry } from "../../src/registry/local-registry.ts";
import { ManifestThread } from "../../src/registry/manifest-thread.ts";
import { Registry } from "../../src/registry/registry.ts";

/** A registry without HTTP that builds images with this machine's apt. */
export interface BuildRegistry extends AsyncDisposable {
  readonly builder: OnDemandBuilder;
  readonly store: ImageRegistry;
  readonly metadata: MetadataStore;
  readonly runner: CommandRunner;
}

/** The folders of a {@link BuildRegistry}. */
export interface BuildRegistryOptions extends Partial<OnDemandOptions> {
  readonly data: string;
  /** Folder of apt's lists; shared between registries to fetch them once. */
  readonly aptState: string;
  readonly finisher?: ImageFinisher;
  readonly essential?: boolean;
  /** Packages in every image besides the essential ones; none by default. */
  readonly include?: readonly string[];
  readonly sourcesFile?: string;
  /** By default, those of the build. */
  readonly imageSources?: ImageSources;
  /** Search path for commands, instead of this process's own. */
  readonly path?: string;
  /** Replaces parts of the builder for a test. */
  readonly change?: (parts: OnDemandParts) => Partial<OnDemandParts>;
}

/** Composes the real parts like `compose`, on the filesystem. */
export async function openBuildRegistry(options: BuildRegistryOptions): Promise<BuildRegistry> {
  const log = createLogger("error");
  const metadata = await openMetadataStore(await openSqliteEngine(join(options.data, "metadata.sqlite")), {
    manifestCacheBytes: 1 << 20,
  });
  const driver = await FilesystemDriver.open({ root: join(options.data, "content") });
  const blobs = new BlobStore(driver);
  const provider = new SmallBlobCache(blobs, { maxBlobBytes: 64 << 10, maxBytes: 1 << 20 });
  const manifestThread = new ManifestThread();
  const { manifests, commits } = new Registry({
    metadata,
    links: metadata.links,
    provider,
    ingester: blobs,
    policy: OPEN_ACCESS,
    rules: { sparseManifests: false, looseListSizes: false, referrerAnnotationBytes: 8 << 10 },
    manifestThread,
    log,
  });
  const store = new LocalRegistry(commits, provider, metadata.links, manifests);
  const runner = new CommandRunner({
    environment: options.path === undefined ? process.env : { PATH: options.path },
    log,
  });
  const source = new AptSource(
    {
      stateFolder: options.aptState,
      alwaysIncluded: options.include ?? [],
      essential: options.essential ?? true,
      refreshListsSeconds: 86_400,
      ...(options.sourcesFile === undefined ? {} : { sourcesFile: options.sourcesFile }),
      ...(options.imageSources && { imageSources: options.imageSources }),
    },
    { runner, finisher: options.finisher ?? factsFinisher, log },
  );
  const gzip = new GzipThreads(2);
  const parts: OnDemandParts = {
    sources: [source],
    registry: store,
    ledger: metadata.builds,
    links: metadata.links,
    log,
    gzip,
    spool: new SpoolRoom({ folder: join(options.aptState, "spool"), maxBytes: 16 << 20 }),
    locks: new KeyedLock(),
  };
  const builder = new OnDemandBuilder(
    { ...parts, ...options.change?.(parts) },
    {
      platform: { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" },
      layerRules: { plan: sizePlan, budget: 94 },
      refreshSeconds: 86_400,
      concurrentBuilds: 2,
      maxWaiting: 256,
      maxWaitingPerCaller: 64,
      // No test waits until a failure is forgotten, and a slow machine must not forget it.
      failureSeconds: 86_400,
      timeoutSeconds: 1800,
      ...options,
    },
  );
  return {
    builder,
    store,
    metadata,
    runner,
    async [Symbol.asyncDispose]() {
      gzip[Symbol.dispose]();
      manifestThread[Symbol.dispose]();
      await metadata[Symbol.asyncDispose]();
      await driver[Symbol.asyncDispose]();
    },
  };
}
