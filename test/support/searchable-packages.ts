import { join } from "node:path";
import { AptSource } from "../../src/builder/apt/apt-source.ts";
import { factsFinisher } from "../../src/builder/debian/facts-finisher.ts";
import type { CatalogSnapshot, PackageCatalog } from "../../src/builder/package-catalog.ts";
import { PackageIndex } from "../../src/builder/package-index.ts";
import type { PackageSource } from "../../src/builder/package-source.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { KeyedLock } from "../../src/concurrency/keyed-lock.ts";
import { createLogger } from "../../src/log.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import { installed } from "./command.ts";
import { createDebianRepository, type DebianRepository } from "./debian-repository.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Whether the host has what {@link openSearchable} needs. */
export const HAS_APT = installed("apt-get", "apt-cache", "flock", "dpkg-deb");

const PLATFORM = { os: "linux", architecture: "amd64" };

/** A source of a small apt repository, whose packages a test can hold back. */
export interface SearchableSource {
  readonly source: PackageSource;
  readonly repository: DebianRepository;
  /** How often its packages were read. */
  reads(): number;
  /** Called whenever its packages are read, before the first one is yielded; can fail. */
  beforeReading: (signal: AbortSignal) => Promise<void>;
}

/** The package sources of a registry, without its other parts. */
export interface Searchable extends AsyncDisposable {
  /** Opens an instance of the registry; all have the same database, sources and locks. */
  open(...sources: readonly PackageSource[]): Promise<PackageIndex>;
  /** Adds a source with its own repository. */
  addSource(name: string): Promise<SearchableSource>;
}

/** Opens an empty database in a temporary folder. */
export async function openSearchable(): Promise<Searchable> {
  await using opened = new AsyncDisposableStack();
  const { path } = opened.use(await temporaryFolder("searchable"));
  const locks = new KeyedLock();
  const all = opened.move();
  return {
    async open(...sources) {
      const metadata = all.use(
        await openMetadataStore(await openSqliteEngine(join(path, "metadata.sqlite"))),
      );
      return new PackageIndex({ sources, ledger: metadata.packageIndex, locks, platform: PLATFORM });
    },
    addSource: (name) => addSource(join(path, name), name),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function addSource(folder: string, name: string): Promise<SearchableSource> {
  await Bun.write(join(folder, "README"), "a repository of a test");
  const repository = await createDebianRepository(folder);
  const log = createLogger("silent");
  const options = {
    stateFolder: join(folder, "state"),
    alwaysIncluded: [],
    essential: false,
    refreshListsSeconds: 0,
    sourcesFile: repository.sourcesFile,
  };
  const apt = new AptSource(options, {
    runner: new CommandRunner({ environment: process.env, log }),
    finisher: factsFinisher,
    log,
  });
  let reads = 0;
  const searchable = {
    source: named(name, apt, (snapshot) => ({
      ...snapshot,
      async *packages(signal) {
        reads += 1;
        await searchable.beforeReading(signal);
        yield* snapshot.packages(signal);
      },
    })),
    repository,
    reads: () => reads,
    beforeReading: async (_signal: AbortSignal) => {},
  };
  return searchable;
}

/** The source under another name. `change` replaces its snapshots. */
function named(
  name: string,
  apt: AptSource,
  change: (snapshot: CatalogSnapshot) => CatalogSnapshot,
): PackageSource {
  return {
    name,
    formatVersion: apt.formatVersion,
    example: apt.example,
    available: () => apt.available(),
    read: (components, tag, platform) => apt.read(components, tag, platform),
    check: (request, signal) => apt.check(request, signal),
    resolve: (request, context) => apt.resolve(request, context),
    catalog(platform): PackageCatalog {
      const catalog = apt.catalog(platform);
      return {
        refresh: (signal) => catalog.refresh(signal),
        async current(signal) {
          const snapshot = await catalog.current(signal);
          return snapshot && change(snapshot);
        },
      };
    },
  };
}
