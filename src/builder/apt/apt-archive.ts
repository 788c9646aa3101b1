import type { Logger } from "../../log.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { PackageRequest } from "../package-source.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { LATEST } from "./apt-name.ts";
import {
  aptFailure,
  type ChosenPackage,
  type ListedPackage,
  listedRecords,
  missingVersions,
  type PackageRecord,
  parsePackageRecords,
  parsePrintedUris,
  parseVersions,
  resolutionError,
  unknownPackagesError,
} from "./apt-output.ts";
import { parsePackageRequests, type RequestedPackage } from "./apt-request.ts";
import { AptWorkspace } from "./apt-workspace.ts";
import { orBuildFailed } from "./command-failure.ts";
import { type DebianPackage, pinOf } from "./debian-package.ts";
import { sourceFiles } from "./index-targets.ts";
import type { ListedPlaces } from "./listed-packages.ts";
import { type KnownPackages, PackageLists } from "./package-lists.ts";
import { type BuildSources, readBuildSources } from "./sources/build-sources.ts";

/** How apt is used for one architecture. */
export interface AptArchiveOptions {
  /** Folder for lists and caches of this architecture. */
  readonly folder: string;
  readonly architecture: string;
  /** Packages, and patterns of apt, that are in every image. */
  readonly everywhere: readonly string[];
  readonly recommends?: boolean;
  readonly refreshListsSeconds: number;
  readonly sourcesFile?: string | undefined;
  readonly extraConfiguration?: string | undefined;
}

/** What apt chose for a request. */
export interface Closure {
  /** In ascending order of name. */
  readonly packages: readonly DebianPackage[];
  /** For each requested name that is no package, the package that provides it. */
  readonly selected: ReadonlyMap<string, string>;
}

/** A closure that apt chose, and where its packages are. */
export interface ChosenClosure extends Closure, ListedPlaces {}

/** The packages of one architecture, as apt resolves them. */
export class AptArchive {
  readonly workspace: AptWorkspace;
  readonly lists: PackageLists;
  readonly #everywhere: readonly string[];
  /** Names of the packages in every image, by suite, while the lists are the same. */
  readonly #bases = new Map<string, { readonly revision: number; readonly names: ReadonlySet<string> }>();
  #sources: { readonly revision: number; readonly sources: BuildSources } | undefined;

  /** @param requireApt rejects when this host has no apt */
  constructor(
    options: AptArchiveOptions,
    runner: CommandRunner,
    log: Logger,
    requireApt: () => Promise<void>,
  ) {
    this.#everywhere = options.everywhere;
    this.workspace = new AptWorkspace(options, runner, log);
    this.lists = new PackageLists(this.workspace, requireApt, log);
  }

  /**
   * Checks names and suite against the lists, without starting a program. Resolves to the revision of the lists.
   *
   * @throws {RegistryError} `manifest-unknown` if no source has the suite; `package-unknown`; what
   * {@link PackageLists.current} throws
   */
  async check(request: PackageRequest, signal?: AbortSignal): Promise<number> {
    return (await this.#checked(request, signal)).revision;
  }

  /** The lists against which a request was checked. */
  async #checked(
    { packages, revision: suite }: PackageRequest,
    signal?: AbortSignal,
  ): Promise<KnownPackages> {
    const known = await this.lists.current(signal);
    const { names, suites } = known;
    if (suite !== LATEST && !suites.has(suite)) throw unknownSuite(suite, suites);
    // apt guesses at names that it does not know: it reads `curl+` as curl and `lib.c` as a regular expression.
    const plain = this.#everywhere.filter((name) => !name.startsWith("?"));
    const unknown = [...parsePackageRequests(packages).keys(), ...plain].filter((name) => !names.has(name));
    if (unknown.length > 0) throw unknownPackagesError(unknown);
    return known;
  }

  /** Everything that the requested packages need, and what is in every image. */
  async resolve(request: PackageRequest, signal: AbortSignal): Promise<ChosenClosure> {
    const { packages, revision: suite } = request;
    const { revision, repositories } = await this.#checked(request, signal);
    const requested = [...parsePackageRequests(packages).values()];
    const wanted = requested.map(({ name, version }) =>
      version === undefined ? name : `${name}=${version}`,
    );
    const findingBase = this.#base(suite, revision, signal);
    const choosing = this.#choose([...wanted, ...this.#everywhere], suite, signal);
    // If one fails, the other must have ended too.
    await Promise.allSettled([findingBase, choosing]);
    const [base, first] = [await findingBase, await choosing];
    // A requested package may provide what another one of every image does: gawk is an awk, as mawk is.
    const missing = base.difference(new Set(first.map(({ name }) => name)));
    const chosen =
      missing.size === 0
        ? first
        : await this.#choose([...wanted, ...this.#everywhere, ...missing], suite, signal);
    const records = await this.#records(chosen, requested, repositories, signal);
    // Another process may have replaced the lists since the check.
    const present = new Set(records.flatMap((record) => [record.name, ...record.provides]));
    const unknown = requested.map(({ name }) => name).filter((name) => !present.has(name));
    if (unknown.length > 0) throw unknownPackagesError(unknown);
    const closure = records.map(({ provides: _, ...record }) => ({ ...record, base: base.has(record.name) }));
    const addresses = new Map(
      chosen.flatMap(({ sha256, address }) => (sha256 === undefined ? [] : [[sha256, address] as const])),
    );
    return { packages: closure, selected: providersOf(requested, records), revision, addresses };
  }

  /** The sources that lists of this revision are from; reads them once. */
  async sources(revision: number, signal: AbortSignal): Promise<BuildSources> {
    if (this.#sources?.revision === revision) return this.#sources.sources;
    const sources = await readBuildSources(await orBuildFailed(sourceFiles(this.workspace, signal)));
    this.#sources = { revision, sources };
    return sources;
  }

  /** Names of the packages in every image; runs apt once per revision of the lists and suite. */
  async #base(suite: string, revision: number, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const known = this.#bases.get(suite);
    if (known?.revision === revision) return known.names;
    const chosen = this.#everywhere.length === 0 ? [] : await this.#choose(this.#everywhere, suite, signal);
    const names = new Set(chosen.map(({ name }) => name));
    this.#bases.set(suite, { revision, names });
    return names;
  }

  async #choose(wanted: readonly string[], suite: string, signal: AbortSignal) {
    const release = suite === LATEST ? [] : ["--target-release", suite];
    const options = ["--print-uris", "-o", "Acquire::ForceHash=SHA256", "--yes", "-q", ...release];
    const command = ["apt-get", "install", ...options, "--", ...wanted];
    const { exitCode, stdout, stderr } = await orBuildFailed(this.workspace.query(command, signal));
    if (exitCode === 0) return parsePrintedUris(stdout);
    const [missing] = missingVersions(stderr);
    if (missing !== undefined) throw await this.#unknownVersion(missing, signal);
    throw resolutionError(stdout, stderr);
  }

  /** The facts about the chosen packages. Asks apt only if its list lacks some, or what provides a requested name. */
  async #records(
    chosen: readonly ListedPackage[],
    requested: readonly RequestedPackage[],
    repositories: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly PackageRecord[]> {
    const names = new Set(chosen.map(({ name }) => name));
    const listed = requested.every(({ name }) => names.has(name))
      ? listedRecords(chosen, repositories)
      : undefined;
    if (listed !== undefined) return listed;
    const pins = chosen.map(pinOf);
    const command = ["apt-cache", "show", "--no-all-versions", "--", ...pins];
    const { exitCode, stdout, stderr } = await orBuildFailed(this.workspace.query(command, signal));
    if (exitCode !== 0) throw aptFailure("reading the package lists failed", stderr);
    return parsePackageRecords(stdout, chosen);
  }

  async #unknownVersion({ name, version }: ChosenPackage, signal: AbortSignal): Promise<RegistryError> {
    const command = ["apt-cache", "madison", "--", name];
    const { stdout } = await orBuildFailed(this.workspace.query(command, signal));
    const versions = parseVersions(stdout, name);
    return new RegistryError(
      "package-unknown",
      `no version ${version} of ${name}; there is ${versions.join(", ") || "none"}`,
      { detail: { packages: [name], versions } },
    );
  }
}

/** For each requested name that no package of the closure has, one that provides it. apt chooses only if there is one. */
function providersOf(
  requested: readonly RequestedPackage[],
  records: readonly PackageRecord[],
): ReadonlyMap<string, string> {
  const names = new Set(records.map(({ name }) => name));
  const virtual = requested.filter(({ name }) => !names.has(name));
  return new Map(
    virtual.flatMap(({ name }) =>
      records
        .filter(({ provides }) => provides.includes(name))
        .map((provider) => [name, provider.name] as const)
        .slice(0, 1),
    ),
  );
}

function unknownSuite(suite: string, suites: ReadonlySet<string>): RegistryError {
  const known = [...suites].toSorted();
  return new RegistryError(
    "manifest-unknown",
    `the sources have no suite ${suite}; the tag is ${LATEST} or one of ${known.join(", ")}`,
    { detail: { tag: suite, suites: known } },
  );
}
