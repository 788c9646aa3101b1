import { join } from "node:path";
import type { Logger } from "../../log.ts";
import type { Platform } from "../../oci/descriptor.ts";
import type { Tag } from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { ImageFinisher } from "../debian/image-finisher.ts";
import type { PackageCatalog } from "../package-catalog.ts";
import type {
  PackageRequest,
  PackageSource,
  Resolution,
  SourceAvailability,
  StepContext,
} from "../package-source.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { AptArchive, type ChosenClosure } from "./apt-archive.ts";
import { AptCatalog } from "./apt-catalog.ts";
import { parseAptLockInputs } from "./apt-lock.ts";
import { readAptName } from "./apt-name.ts";
import { AptResolution } from "./apt-resolution.ts";
import { type DebianPackage, totalSizeOf } from "./debian-package.ts";
import { type DownloadStep, downloadChosen, reportedDownload } from "./listed-packages.ts";
import { downloadLocked } from "./locked-packages.ts";
import { type FetchedPackages, PackagePool } from "./package-pool.ts";
import { chooseSources, type ImageSources } from "./sources/chosen-sources.ts";
import type { SourcesFile } from "./sources/sources-file.ts";

/** How the host's apt is used. */
export interface AptSourceOptions {
  /** Folder for lists, caches and downloads; processes may share it. */
  readonly stateFolder: string;
  /** Packages to add to every image. */
  readonly alwaysIncluded: readonly string[];
  /** Whether to add Debian's essential packages, which other packages need without declaring it. */
  readonly essential: boolean;
  /** Whether to add the packages that others recommend. */
  readonly recommends?: boolean;
  readonly refreshListsSeconds: number;
  readonly sourcesFile?: string | undefined;
  /** The sources of images with apt; by default those of the build. */
  readonly imageSources?: ImageSources;
  readonly extraConfiguration?: string;
}

/** The parts that an {@link AptSource} works with. */
export interface AptSourceParts {
  readonly runner: CommandRunner;
  readonly finisher: ImageFinisher;
  readonly log: Logger;
}

const PROGRAMS = ["apt-get", "apt-cache", "dpkg-deb", "flock"];
/**
 * apt's pattern for Debian's essential packages. Without apt, which calls itself essential and is useless without its lists.
 * With the small package that says that /bin is a link, where there is one: otherwise apt takes the one that makes it a
 * link, and Perl with it.
 */
export const ESSENTIAL_PATTERN = "?or(?and(?essential,?not(?exact-name(apt))),?exact-name(usr-is-merged))";
const VERSION_TIMEOUT_MS = 10_000;
/** Packages are unpacked while the next batch is downloaded. Each starts a program, which takes a tenth of a second. */
const BATCH_BYTES = 16 << 20;

/** Debian packages from the host's apt, which resolves, verifies signatures and downloads. */
export class AptSource implements PackageSource {
  readonly name = "apt";
  readonly formatVersion = "apt-11";
  readonly example = "apt/curl/git";
  readonly #options: AptSourceOptions;
  readonly #runner: CommandRunner;
  readonly #finisher: ImageFinisher;
  readonly #log: Logger;
  readonly #pool: PackagePool;
  readonly #archives = new Map<string, AptArchive>();

  constructor(options: AptSourceOptions, { runner, finisher, log }: AptSourceParts) {
    this.#options = options;
    this.#finisher = finisher;
    this.#runner = runner;
    this.#log = log;
    this.#pool = new PackagePool(join(options.stateFolder, "pool"));
  }

  async available(): Promise<SourceAvailability> {
    const missing = PROGRAMS.filter((program) => this.#runner.find(program) === undefined);
    if (missing.length > 0) return { available: false, reason: `not installed: ${missing.join(", ")}` };
    try {
      const { stdout, exitCode } = await this.#runner.run(["apt-get", "--version"], {
        timeoutMs: VERSION_TIMEOUT_MS,
      });
      if (exitCode !== 0)
        return { available: false, reason: `apt-get --version failed with status ${exitCode}` };
      return { available: true, detail: stdout.split("\n")[0] ?? "apt" };
    } catch (cause) {
      return { available: false, reason: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  read(components: readonly string[], tag: Tag, defaultPlatform: Platform): PackageRequest {
    return readAptName(components, tag, defaultPlatform);
  }

  async check(request: PackageRequest, signal?: AbortSignal): Promise<string> {
    return String(await this.#archive(request.platform).check(request, signal));
  }

  async resolve(request: PackageRequest, context: StepContext): Promise<Resolution> {
    context.progress({ kind: "resolve-started", packages: request.packages });
    const archive = this.#archive(request.platform);
    const closure = await archive.resolve(request, context.signal);
    const { packages, selected } = closure;
    for (const [virtual, name] of selected)
      this.#log.info({ requested: virtual, selected: name }, "a virtual package was replaced");
    const sizeBytes = totalSizeOf(packages);
    context.progress({ kind: "resolve-done", packageCount: packages.length, sizeBytes });
    const fetch = (some: readonly DebianPackage[], step: StepContext) =>
      this.#fetch(
        some,
        (...parts) => downloadChosen(archive.workspace, closure, ...parts),
        step,
        BATCH_BYTES,
      );
    const sources = await this.#sourcesFor(archive, closure, request.platform, context.signal);
    const parts = { fetch, runner: this.#runner, finisher: this.#finisher, sources };
    const resolution = new AptResolution(request, closure, parts);
    const { unpackedBecause: reason } = resolution;
    if (reason !== undefined) {
      this.#log.info({ packages: request.packages, reason }, "an image's packages are only unpacked");
      context.progress({ kind: "only-unpacked", reason });
    }
    return resolution;
  }

  resolveLocked(request: PackageRequest, inputs: Readonly<Record<string, unknown>>): Resolution {
    const { architecture } = request.platform;
    const { closure, mode, sources } = parseAptLockInputs(request.packages, architecture, inputs);
    const archive = this.#archive(request.platform);
    const fetch = (some: readonly DebianPackage[], step: StepContext) =>
      // All at once, so that it can name all that nobody has any more.
      this.#fetch(some, (...parts) => downloadLocked(archive, ...parts), step);
    return new AptResolution(request, closure, {
      fetch,
      runner: this.#runner,
      finisher: this.#finisher,
      mode,
      sources,
    });
  }

  catalog(platform: Platform): PackageCatalog {
    const { workspace, lists } = this.#archive(platform);
    return new AptCatalog(workspace, lists, platform.architecture);
  }

  async #sourcesFor(
    archive: AptArchive,
    { packages, revision }: ChosenClosure,
    { architecture }: Platform,
    signal: AbortSignal,
  ): Promise<SourcesFile | undefined> {
    const { imageSources = { kind: "build" } } = this.#options;
    const names = packages.map(({ name }) => name);
    const { file, leftOut } = await chooseSources(imageSources, names, architecture, () =>
      archive.sources(revision, signal),
    );
    if (leftOut.length > 0) this.#log.info({ reasons: leftOut }, "an image has not all sources of its build");
    return file;
  }

  /** The files of packages, each verified against its SHA-256. */
  #fetch(
    packages: readonly DebianPackage[],
    download: DownloadStep,
    step: StepContext,
    batchBytes?: number,
  ): Promise<FetchedPackages> {
    const begin = (missing: readonly DebianPackage[]) => reportedDownload(missing, download, step);
    return this.#pool.fetch(packages, { begin, batchBytes, signal: step.signal });
  }

  get #everywhere(): readonly string[] {
    return [...this.#options.alwaysIncluded, ...(this.#options.essential ? [ESSENTIAL_PATTERN] : [])];
  }

  /** @throws {RegistryError} `build-unavailable` */
  async #requireApt(): Promise<void> {
    const availability = await this.available();
    if (availability.available) return;
    throw new RegistryError(
      "build-unavailable",
      `apt images cannot be built on this host: ${availability.reason}`,
    );
  }

  #archive({ architecture }: Platform): AptArchive {
    const known = this.#archives.get(architecture);
    if (known !== undefined) return known;
    const folder = join(this.#options.stateFolder, architecture);
    const options = { ...this.#options, folder, architecture, everywhere: this.#everywhere };
    const archive = new AptArchive(options, this.#runner, this.#log, () => this.#requireApt());
    this.#archives.set(architecture, archive);
    return archive;
  }
}
