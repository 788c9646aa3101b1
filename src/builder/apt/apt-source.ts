import { join } from "node:path";
import type { Logger } from "../../log.ts";
import type { Platform } from "../../oci/descriptor.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { createPackageLayer } from "../debian/package-layer.ts";
import { createTopLayer, imageSettings } from "../debian/top-layer.ts";
import type {
  FetchedPackages,
  ImageSettings,
  LayerContent,
  PackageRequest,
  PackageSource,
  ResolvedPackage,
  SourceAvailability,
  StepContext,
} from "../package-source.ts";
import { CommandError, type CommandRunner } from "../process/command-runner.ts";
import {
  errorLines,
  type PackageRecord,
  parsePackageRecords,
  parsePrintedUris,
  resolutionError,
  unknownPackagesError,
} from "./apt-output.ts";
import { AptWorkspace } from "./apt-workspace.ts";
import { PackagePool } from "./package-pool.ts";

/** How the host's apt is used. */
export interface AptSourceOptions {
  /** Folder for lists, caches and downloads; processes may share it. */
  readonly stateFolder: string;
  /** Packages in every image besides those asked for. */
  readonly alwaysIncluded: readonly string[];
  /** Whether every image holds what Debian calls essential, which packages rely on without saying so. */
  readonly essential: boolean;
  readonly refreshListsSeconds: number;
  readonly sourcesFile?: string;
  readonly extraConfiguration?: string;
}

const PROGRAMS = ["apt-get", "apt-cache", "dpkg-deb", "flock"];
// Without apt itself, which marks itself as essential and is of no use without its lists.
const ESSENTIAL_PATTERN = "?and(?essential,?not(?exact-name(apt)))";
const VERSION_TIMEOUT_MS = 10_000;

/** Debian packages by the host's apt: it resolves, verifies signatures and downloads. */
export class AptSource implements PackageSource {
  readonly name = "apt";
  readonly formatVersion = "apt-1";
  readonly #options: AptSourceOptions;
  readonly #runner: CommandRunner;
  readonly #log: Logger;
  readonly #pool: PackagePool;
  readonly #workspaces = new Map<string, AptWorkspace>();
  readonly #bases = new Map<string, { readonly listsOf: number; readonly names: ReadonlySet<string> }>();

  constructor(options: AptSourceOptions, runner: CommandRunner, log: Logger) {
    this.#options = options;
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
        return { available: false, reason: `apt-get --version ends with status ${exitCode}` };
      return { available: true, detail: stdout.split("\n")[0] ?? "apt" };
    } catch (cause) {
      return { available: false, reason: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  async resolve(request: PackageRequest, context: StepContext): Promise<readonly ResolvedPackage[]> {
    const availability = await this.available();
    if (!availability.available) {
      throw new RegistryError(
        "build-unavailable",
        `packages of apt cannot be had here: ${availability.reason}`,
      );
    }
    context.progress({ kind: "resolve-started", packages: request.packages });
    const workspace = this.#workspace(request.platform);
    const listsOf = await orBuildFailed(workspace.refreshLists(context.signal));
    const base = await this.#base(workspace, request.platform.architecture, listsOf, context.signal);
    const records = await this.#closure(
      workspace,
      [...request.packages, ...this.#everywhere],
      context.signal,
    );
    const present = new Set(records.flatMap((record) => [record.name, ...record.provides]));
    // apt reads `curl+` as a wish to install curl, and a name with a period as an expression.
    const unknown = request.packages.filter((name) => !present.has(name));
    if (unknown.length > 0) throw unknownPackagesError(unknown);
    const closure = records.map(({ provides: _, ...record }) => ({ ...record, base: base.has(record.name) }));
    const sizeBytes = closure.reduce((sum, one) => sum + one.sizeBytes, 0);
    context.progress({ kind: "resolve-done", packageCount: closure.length, sizeBytes });
    return closure;
  }

  async fetch(
    packages: readonly ResolvedPackage[],
    platform: Platform,
    context: StepContext,
  ): Promise<FetchedPackages> {
    const workspace = this.#workspace(platform);
    return orBuildFailed(
      this.#pool.fetch(packages, async (wanted, folder) => {
        const totalBytes = wanted.reduce((sum, one) => sum + one.sizeBytes, 0);
        const report = (percent: number): void =>
          context.progress({
            kind: "download",
            doneBytes: Math.round((totalBytes * percent) / 100),
            totalBytes,
          });
        const pins = wanted.map((one) => `${one.name}=${one.version}`);
        const result = await workspace.download(pins, folder, report, context.signal);
        if (result.exitCode !== 0) {
          throw new RegistryError("build-failed", "the packages could not be downloaded", {
            detail: { reason: errorLines(result.stderr) },
          });
        }
        report(100);
      }),
    );
  }

  packageLayer(
    packages: readonly ResolvedPackage[],
    fetched: FetchedPackages,
    signal: AbortSignal,
  ): LayerContent {
    const files = packages.map((one) => fetched.file(one));
    return createPackageLayer(files, this.#runner, signal);
  }

  topLayer(platform: Platform, facts: readonly string[]): LayerContent {
    return createTopLayer(platform, facts);
  }

  settings(facts: readonly string[]): ImageSettings {
    return imageSettings(facts);
  }

  get #everywhere(): readonly string[] {
    return [...this.#options.alwaysIncluded, ...(this.#options.essential ? [ESSENTIAL_PATTERN] : [])];
  }

  #workspace(platform: Platform): AptWorkspace {
    const { architecture } = platform;
    let workspace = this.#workspaces.get(architecture);
    if (workspace === undefined) {
      const { stateFolder, refreshListsSeconds, sourcesFile, extraConfiguration } = this.#options;
      workspace = new AptWorkspace(
        {
          folder: join(stateFolder, architecture),
          architecture,
          refreshListsSeconds,
          sourcesFile,
          extraConfiguration,
        },
        this.#runner,
        this.#log,
      );
      this.#workspaces.set(architecture, workspace);
    }
    return workspace;
  }

  /** Names of what is in every image; asked of apt once per state of the lists. */
  async #base(
    workspace: AptWorkspace,
    architecture: string,
    listsOf: number,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const known = this.#bases.get(architecture);
    if (known?.listsOf === listsOf) return known.names;
    const everywhere = this.#everywhere;
    const chosen = everywhere.length === 0 ? [] : await this.#choose(workspace, everywhere, signal);
    const names = new Set(chosen.map((one) => one.name));
    this.#bases.set(architecture, { listsOf, names });
    return names;
  }

  async #closure(
    workspace: AptWorkspace,
    wanted: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly PackageRecord[]> {
    const chosen = await this.#choose(workspace, wanted, signal);
    const pins = chosen.map((one) => `${one.name}=${one.version}`);
    const shown = await orBuildFailed(
      workspace.query(["apt-cache", "show", "--no-all-versions", "--", ...pins], signal),
    );
    return parsePackageRecords(shown.stdout, chosen);
  }

  async #choose(workspace: AptWorkspace, wanted: readonly string[], signal: AbortSignal) {
    const command = ["apt-get", "install", "--print-uris", "--yes", "-q", "--", ...wanted];
    const { exitCode, stdout, stderr } = await orBuildFailed(workspace.query(command, signal));
    if (exitCode !== 0) throw resolutionError(stdout, stderr);
    return parsePrintedUris(stdout);
  }
}

/** What a command that was stopped by its time limit, or could not be run, means to who asked for an image. */
async function orBuildFailed<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof CommandError) {
      throw new RegistryError("build-failed", "the package manager did not finish", { cause });
    }
    throw cause;
  }
}
