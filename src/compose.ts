import { resolve } from "node:path";
import type { OnDemandBuilder } from "./builder/on-demand-builder.ts";
import type { PackageIndex } from "./builder/package-index.ts";
import { type BuildSource, createBuilder, createPackageIndex, describeSource } from "./compose/builder.ts";
import { startHttp } from "./compose/http.ts";
import { openLinks } from "./compose/links.ts";
import { createRegistry } from "./compose/registry.ts";
import {
  createBlobStore,
  openLocks,
  openStores,
  type StoreOptions,
  withSmallBlobs,
} from "./compose/storage.ts";
import { startUpkeep } from "./compose/upkeep.ts";
import type { Config } from "./config/schema.ts";
import type { UploadPatience } from "./content/upload-turns.ts";
import { makeDurableFolder } from "./files/durable-folder.ts";
import type { HttpServer } from "./http/server.ts";
import type { Logger } from "./log.ts";
import type { StorageError } from "./oci/storage-error.ts";
import { type AccessPolicy, OPEN_ACCESS } from "./registry/access-policy.ts";
import type { ImageRegistry } from "./registry/image-registry.ts";
import { LocalRegistry } from "./registry/local-registry.ts";
import { ManifestPulls } from "./registry/manifest-pulls.ts";
import { countLeftovers, type Leftovers, quietBounds } from "./upkeep/leftovers.ts";
import { startPresenceWatch } from "./upkeep/presence-watch.ts";

/** A whole registry, ready to serve. */
export interface Slipway extends AsyncDisposable {
  /** The data folder, as an absolute path. */
  readonly data: string;
  /** The stored images, without HTTP. */
  readonly images: ImageRegistry;
  /** Resolves when the data is lost while the server runs: removed, replaced or unmounted. */
  readonly lost: Promise<StorageError>;
  /** Builds images that nobody pushed; absent if it is disabled. */
  readonly builder: OnDemandBuilder | undefined;
  /** The packages that images can be built from; absent if there is no builder, or searches are disabled. */
  readonly packageIndex: PackageIndex | undefined;
  /** The package sources, and whether they are available. */
  buildSources(): Promise<readonly BuildSource[]>;
  /** Counts stored content that is not in use and has not changed for an hour. Changes nothing. */
  countLeftovers(): Promise<Leftovers>;
  /** Starts to listen, and starts the periodic tasks. The caller stops it before it disposes of the registry. */
  serve(): HttpServer;
}

/** Options of one start. */
export interface ComposeOptions extends StoreOptions {
  /** How long requests for one upload wait for each other. */
  readonly uploadPatience?: UploadPatience;
}

/**
 * Creates and connects all parts as the configuration says. `policy` decides about every request; by default everything
 * is allowed. The caller disposes of the result.
 *
 * @throws {StorageError} if a store cannot be opened; everything opened before is closed again
 * @throws {PartialDataError} if half of the data is missing
 * @throws {PopularityError} if popularity data cannot be read
 */
export async function compose(
  config: Config,
  log: Logger,
  policy: AccessPolicy = OPEN_ACCESS,
  { uploadPatience: patience, ...storeOptions }: ComposeOptions = {},
): Promise<Slipway> {
  await using opened = new AsyncDisposableStack();
  const data = resolve(config.data);
  await makeDurableFolder(data);
  const { engine, metadata, driver } = await openStores(config, data, opened, log, storeOptions);
  const locks = await openLocks(config, data, opened);
  const store = createBlobStore(driver, { locks, patience }, opened, log);
  const links = await openLinks(config, metadata, engine, opened, log);
  const provider = withSmallBlobs(config, store);
  const registry = createRegistry(config, { metadata, links, store, provider }, policy, opened, log);
  const images = new LocalRegistry(registry.commits, provider, links, registry.manifests);
  const building = { registry: images, metadata, locks, log: log.child({ area: "builder" }) };
  const builder = await createBuilder(config, data, building, opened);
  const packageIndex = createPackageIndex(config, builder, { ledger: metadata.packageIndex, locks });
  const pulls = new ManifestPulls(registry.manifests, builder);
  const stored = { content: store, ledger: metadata.content };
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
    countLeftovers: () =>
      countLeftovers(stored, quietBounds(config.registry.uploadExpirySeconds), new AbortController().signal),
    serve() {
      all.use(startPresenceWatch([engine, driver, locks], lost.resolve));
      const kept = {
        uploads: registry.uploads,
        content: store,
        ledger: metadata.content,
        packageIndex,
        locks,
      };
      all.use(startUpkeep(config, kept, log));
      return startHttp(config, registry, pulls, log);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
