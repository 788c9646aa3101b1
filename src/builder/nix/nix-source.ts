import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { Platform } from "../../oci/descriptor.ts";
import type { Tag } from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type {
  PackageRequest,
  PackageSource,
  Resolution,
  SourceAvailability,
  StepContext,
} from "../package-source.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { type EvaluatedPackage, Evaluation } from "./evaluation.ts";
import { NixFolders, type NixSettings } from "./nix-environment.ts";
import { readNixName } from "./nix-name.ts";
import { NixResolution } from "./nix-resolution.ts";
import { NixStore, type StorePathInfo } from "./nix-store.ts";
import { FolderSet, type SetSnapshot } from "./package-set.ts";

/** Options of a {@link NixSource}. */
export interface NixSourceOptions extends NixSettings {
  /** First component of the names that it serves. */
  readonly name: string;
  /** Folder of the package set. */
  readonly path: string;
  /** Arguments of the set besides `system`. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Attributes of the packages in every image. */
  readonly include: readonly string[];
  /** Maximum time for one evaluation, in seconds. */
  readonly evaluationSeconds: number;
  /** Maximum store paths in an image. */
  readonly closurePaths: number;
  /** Maximum bytes of the store paths in an image. */
  readonly closureBytes: number;
}

const PROGRAMS = ["nix-instantiate", "nix-store"];
const VERSION_TIMEOUT_MS = 60_000;
/** The build's own time limit comes first. */
const REALISE_TIMEOUT_MS = 24 * 3_600_000;

/** How Nix names platforms. */
const SYSTEMS: Readonly<Record<string, string>> = { amd64: "x86_64-linux", arm64: "aarch64-linux" };

/** Packages of a Nix package set. Nix evaluates and builds in a private store; layers are made straight from it. */
export class NixSource implements PackageSource {
  readonly name: string;
  readonly formatVersion = "nix-1";
  readonly example: string;
  readonly #options: NixSourceOptions;
  readonly #runner: CommandRunner;
  readonly #log: Logger;
  readonly #store: NixStore;
  readonly #set: FolderSet;
  readonly #evaluation: Evaluation;

  constructor(options: NixSourceOptions, runner: CommandRunner, log: Logger, clock: Clock = SYSTEM_CLOCK) {
    this.name = options.name;
    this.example = `${options.name}/shell/git`;
    this.#options = options;
    this.#runner = runner;
    this.#log = log;
    this.#store = new NixStore(new NixFolders(options.stateFolder), options, runner);
    this.#set = new FolderSet(options.path, this.#store, clock);
    this.#evaluation = new Evaluation(this.#store, options.evaluationSeconds * 1000);
  }

  async available(): Promise<SourceAvailability> {
    const missing = PROGRAMS.filter((program) => this.#runner.find(program) === undefined);
    if (missing.length > 0) return { available: false, reason: `not installed: ${missing.join(", ")}` };
    try {
      const signal = new AbortController().signal;
      const options = { timeoutMs: VERSION_TIMEOUT_MS, signal };
      const { exitCode, stdout } = await this.#store.run(["nix-store", "--version"], options);
      if (exitCode !== 0) return { available: false, reason: `nix-store --version ends with ${exitCode}` };
      return { available: true, detail: stdout.trim() };
    } catch (cause) {
      return { available: false, reason: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  read(components: readonly string[], tag: Tag, defaultPlatform: Platform): PackageRequest {
    return readNixName(components, tag, defaultPlatform);
  }

  async check(request: PackageRequest, signal = new AbortController().signal): Promise<number> {
    return (await this.#snapshot(request, signal)).revision;
  }

  async resolve(request: PackageRequest, context: StepContext): Promise<Resolution> {
    const { signal, progress } = context;
    progress({ kind: "resolve-started", packages: request.packages });
    const system = systemOf(request.platform);
    const snapshot = await this.#snapshot(request, signal);
    const names = [...request.packages, ...this.#options.include];
    const packages = await this.#evaluation.evaluate(
      { source: snapshot.path, system, arguments: this.#options.arguments, names },
      signal,
    );
    const roots = await this.#store.protect(packages.flatMap(({ drvPath, path }) => [drvPath, path]));
    try {
      await this.#store.realise(packages, REALISE_TIMEOUT_MS, signal);
      const closure = await this.#store.closure(
        packages.map(({ path }) => path),
        signal,
      );
      this.#checkBounds(closure);
      const sizeBytes = closure.reduce((sum, { narSize }) => sum + narSize, 0);
      progress({ kind: "resolve-done", packageCount: closure.length, sizeBytes });
      const origin = { ...this.#set.origin, narHash: snapshot.narHash, arguments: this.#options.arguments };
      return new NixResolution({ ...this.#split(packages), closure, origin, system }, this.#store, roots);
    } catch (cause) {
      await roots[Symbol.asyncDispose]();
      this.#log.debug({ err: cause }, "a Nix request was not resolved");
      throw cause;
    }
  }

  /** What was asked for, and what is in every image. */
  #split(packages: readonly EvaluatedPackage[]) {
    const count = packages.length - this.#options.include.length;
    return { requested: packages.slice(0, count), included: packages.slice(count) };
  }

  /** @throws {RegistryError} `build-unavailable`, `manifest-unknown` */
  async #snapshot(request: PackageRequest, signal: AbortSignal): Promise<SetSnapshot> {
    const missing = PROGRAMS.filter((program) => this.#runner.find(program) === undefined);
    if (missing.length > 0) {
      throw new RegistryError("build-unavailable", `Nix is not installed: ${missing.join(", ")} not found`);
    }
    return await this.#set.current(request.revision, signal);
  }

  /** @throws {RegistryError} `build-failed` */
  #checkBounds(closure: readonly StorePathInfo[]): void {
    const { closurePaths, closureBytes } = this.#options;
    const bytes = closure.reduce((sum, { narSize }) => sum + narSize, 0);
    if (closure.length <= closurePaths && bytes <= closureBytes) return;
    throw new RegistryError(
      "build-failed",
      `the image would have ${closure.length} store paths and ${bytes} bytes; at most ${closurePaths} and ${closureBytes} are built`,
      { detail: { paths: closure.length, bytes, maxPaths: closurePaths, maxBytes: closureBytes } },
    );
  }
}

/** @throws {RegistryError} `manifest-unknown` */
function systemOf({ os, architecture }: Platform): string {
  const system = SYSTEMS[architecture];
  if (os === "linux" && system !== undefined) return system;
  throw new RegistryError("manifest-unknown", `no image can be built for ${os}/${architecture}`);
}
