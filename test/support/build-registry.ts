import { join } from "node:path";
import { AptSource } from "../../src/builder/apt/apt-source.ts";
import {
  OnDemandBuilder,
  type OnDemandOptions,
  type OnDemandParts,
} from "../../src/builder/on-demand-builder.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { BlobStore } from "../../src/content/blob-store.ts";
import { FilesystemDriver } from "../../src/content/filesystem-driver.ts";
import { createLogger } from "../../src/log.ts";
import type { MetadataStore } from "../../src/metadata/metadata-store.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import { KeyedLock } from "../../src/oci/keyed-lock.ts";
import { OPEN_ACCESS } from "../../src/registry/access-policy.ts";
import type { ImageStore } from "../../src/registry/image-store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { RegistryImageStore } from "../../src/registry/registry-image-store.ts";

/** A registry without HTTP that builds images with this machine's apt. */
export interface BuildRegistry extends AsyncDisposable {
  readonly builder: OnDemandBuilder;
  readonly store: ImageStore;
  readonly ledger: MetadataStore;
  readonly runner: CommandRunner;
}

/** Where a {@link BuildRegistry} keeps what. */
export interface BuildRegistryOptions extends Partial<OnDemandOptions> {
  readonly data: string;
  /** Folder of apt's lists; shared between registries to fetch them once. */
  readonly aptState: string;
  readonly essential?: boolean;
  readonly sourcesFile?: string;
  /** Search path of commands in place of this process's own. */
  readonly path?: string;
  /** Gives the builder other parts, so that a test can step in between. */
  readonly change?: (parts: OnDemandParts) => Partial<OnDemandParts>;
}

/** Puts together what `compose` does, of the real parts, on the filesystem. */
export async function openBuildRegistry(options: BuildRegistryOptions): Promise<BuildRegistry> {
  const log = createLogger("error");
  const ledger = await openMetadataStore(await openSqliteEngine(join(options.data, "metadata.sqlite")), {
    manifestCacheBytes: 1 << 20,
  });
  const driver = await FilesystemDriver.open({ root: join(options.data, "content") });
  const blobs = new BlobStore(driver);
  const { manifests } = new Registry({
    ledger,
    links: ledger,
    provider: blobs,
    ingester: blobs,
    policy: OPEN_ACCESS,
    rules: { sparseManifests: false },
  });
  const store = new RegistryImageStore(blobs, blobs, ledger, manifests);
  const runner = new CommandRunner({
    environment: options.path === undefined ? process.env : { PATH: options.path },
    log,
  });
  const source = new AptSource(
    {
      stateFolder: options.aptState,
      alwaysIncluded: ["ca-certificates", "netbase"],
      essential: options.essential ?? true,
      refreshListsSeconds: 86_400,
      ...(options.sourcesFile === undefined ? {} : { sourcesFile: options.sourcesFile }),
    },
    runner,
    log,
  );
  const parts: OnDemandParts = { source, store, ledger, log, locks: new KeyedLock() };
  const builder = new OnDemandBuilder(
    { ...parts, ...options.change?.(parts) },
    {
      platform: { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" },
      layerBudget: 94,
      refreshSeconds: 86_400,
      concurrentBuilds: 2,
      timeoutSeconds: 1800,
      ...options,
    },
  );
  return {
    builder,
    store,
    ledger,
    runner,
    async [Symbol.asyncDispose]() {
      await ledger[Symbol.asyncDispose]();
      await driver[Symbol.asyncDispose]();
    },
  };
}
