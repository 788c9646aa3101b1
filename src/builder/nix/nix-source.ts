import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { SourceLedger } from "../../metadata/ports/source-ledger.ts";
import type { Platform } from "../../oci/descriptor.ts";
import type { Tag } from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { PackageCatalog } from "../package-catalog.ts";
import type {
  PackageRequest,
  PackageSource,
  Resolution,
  SourceAvailability,
  StepContext,
} from "../package-source.ts";
import type { Popularity } from "../plan/popularity.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { NixCatalog } from "./catalog/nix-catalog.ts";
import { EvaluatedPackages } from "./evaluation/evaluated-packages.ts";
import type { EvaluatedPackage, Evaluation } from "./evaluation/evaluation.ts";
import { SetPopularity } from "./evaluation/set-popularity.ts";
import type { NixHost } from "./nix-host.ts";
import { readNixName } from "./nix-name.ts";
import { NixResolution } from "./nix-resolution.ts";
import { PackageSet, type PackageSetOptions, type SetState } from "./sets/package-set.ts";
import type { SetOrigin } from "./sets/set-origin.ts";
import type { StorePathInfo } from "./store/nix-store.ts";
import { PathSupply } from "./store/path-supply.ts";
import { type RecordedPath, StoreLedger } from "./store/store-ledger.ts";
import { StoreReader } from "./store/store-reader.ts";

/** Options of a {@link NixSource}. */
export interface NixSourceOptions extends PackageSetOptions {
  /** First component of the names that it serves. */
  readonly name: string;
  /** Whether it also serves names without that component. */
  readonly root: boolean;
  /** Arguments of the set besides `system`. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Attributes of the packages in every image. */
  readonly include: readonly string[];
  /** Whether to use the set's own popularity data. */
  readonly popularity: boolean;
  /** Maximum time for one evaluation, in seconds. */
  readonly evaluationSeconds: number;
  /** Maximum store paths in an image. */
  readonly closurePaths: number;
  /** Maximum bytes of the store paths in an image. */
  readonly closureBytes: number;
}

/** The parts that a {@link NixSource} works with. */
export interface NixSourceParts {
  readonly host: NixHost;
  readonly origin: SetOrigin;
  readonly evaluation: Evaluation;
  readonly runner: CommandRunner;
  readonly ledger: SourceLedger;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** The packages that names mean in one state of the set. */
interface Evaluated {
  readonly state: SetState;
  /** The requested packages, then those of every image. */
  readonly packages: readonly EvaluatedPackage[];
}

/** The tag that every set has. */
const NEWEST = "latest";

/** How Nix names platforms. */
const SYSTEMS: Readonly<Record<string, string>> = { amd64: "x86_64-linux", arm64: "aarch64-linux" };

/** Packages of a Nix package set. Nix evaluates and builds in a private store; layers are made straight from it. */
export class NixSource implements PackageSource {
  readonly name: string;
  readonly servesRoot: boolean;
  readonly formatVersion = "nix-2";
  readonly example: string;
  readonly #options: NixSourceOptions;
  readonly #parts: NixSourceParts;
  readonly #set: PackageSet;
  readonly #answers: EvaluatedPackages;
  readonly #setPopularity: SetPopularity;
  readonly #paths: StoreLedger;
  readonly #reader: StoreReader;

  constructor(options: NixSourceOptions, parts: NixSourceParts) {
    const { host, origin, ledger, log, clock = SYSTEM_CLOCK } = parts;
    this.name = options.name;
    this.servesRoot = options.root;
    this.example = options.root ? "shell/git" : `${options.name}/shell/git`;
    this.#options = options;
    this.#parts = parts;
    this.#set = new PackageSet(origin, options, { store: host.store, ledger, log, clock });
    this.#answers = new EvaluatedPackages(ledger);
    this.#setPopularity = new SetPopularity(parts.evaluation, ledger);
    this.#paths = new StoreLedger(ledger);
    this.#reader = new StoreReader({ host, ledger: this.#paths, log });
  }

  async available(): Promise<SourceAvailability> {
    const { origin, runner, host } = this.#parts;
    const missing = origin.programs.filter((program) => runner.find(program) === undefined);
    if (missing.length > 0) return { available: false, reason: `not installed: ${missing.join(", ")}` };
    return await host.available();
  }

  read(components: readonly string[], tag: Tag, defaultPlatform: Platform): PackageRequest {
    return readNixName(components, tag, defaultPlatform);
  }

  async check(request: PackageRequest, signal = new AbortController().signal): Promise<string> {
    this.#requireNix();
    return (await this.#set.current(request.revision, signal)).narHash;
  }

  async resolve(request: PackageRequest, context: StepContext): Promise<Resolution> {
    const { signal, progress } = context;
    signal.throwIfAborted();
    progress({ kind: "resolve-started", packages: request.packages });
    this.#requireNix();
    // Start to find out whether Nix can build. Code that realises packages waits for the answer and gets any error.
    this.#parts.host.mode().catch(() => {});
    const system = systemOf(request.platform);
    const { state, packages } = await this.#evaluate(request, system, signal);
    const supply = this.#supply(request, system, packages);
    try {
      const closure = await this.#closure(packages, supply, signal);
      const sizeBytes = this.#checkBounds(closure);
      progress({ kind: "resolve-done", packageCount: closure.length, sizeBytes });
      const origin = { ...state.revision.lock, narHash: state.narHash, arguments: this.#options.arguments };
      const count = packages.length - this.#options.include.length;
      const named = { requested: packages.slice(0, count), included: packages.slice(count) };
      const parts = { supply, reader: this.#reader, ledger: this.#paths, log: this.#parts.log };
      const popularity = await this.#popularity(state, system, signal);
      return new NixResolution({ ...named, closure, origin, system, popularity }, parts);
    } catch (cause) {
      await supply[Symbol.asyncDispose]();
      throw cause;
    }
  }

  catalog(platform: Platform): PackageCatalog {
    const { host, runner, log } = this.#parts;
    const find = async (signal: AbortSignal) => {
      this.#requireNix();
      const state = await this.#set.current(NEWEST, signal);
      return {
        identity: state.narHash,
        place: (reading: AbortSignal) => this.#set.place(state, reading),
      };
    };
    const { arguments: extra, evaluationSeconds } = this.#options;
    const options = { system: systemOf(platform), arguments: extra, evaluationMs: evaluationSeconds * 1000 };
    return new NixCatalog({ store: host.store, find, runner, log }, options);
  }

  /** @throws {RegistryError} `build-unavailable` */
  #requireNix(): void {
    const { absence } = this.#parts.host;
    if (absence !== undefined) throw new RegistryError("build-unavailable", absence);
  }

  /** The packages that names mean, from an earlier evaluation of the same set or from a new one. */
  async #evaluate(request: PackageRequest, system: string, signal: AbortSignal): Promise<Evaluated> {
    const state = await this.#set.current(request.revision, signal);
    const packages = await this.#answers.find({ ...this.#question(request, system), narHash: state.narHash });
    return packages === undefined
      ? await this.#evaluateNow(request, system, state, signal)
      : { state, packages };
  }

  /** Evaluates a state of the set; also writes the derivations of the packages into the store. */
  async #evaluateNow(
    request: PackageRequest,
    system: string,
    state: SetState,
    signal: AbortSignal,
  ): Promise<Evaluated> {
    await using placed = await this.#set.place(state, signal);
    const question = this.#question(request, system);
    const packages = await this.#parts.evaluation.evaluate(
      { ...question, source: placed.state.path },
      signal,
    );
    await this.#answers.keep({ ...question, narHash: placed.state.narHash }, packages);
    return { state: placed.state, packages };
  }

  async #popularity(state: SetState, system: string, signal: AbortSignal): Promise<Popularity | undefined> {
    if (!this.#options.popularity) return undefined;
    const set = { narHash: state.narHash, system, arguments: this.#options.arguments };
    return await this.#setPopularity.of(set, () => this.#set.place(state, signal), signal);
  }

  #question({ packages }: PackageRequest, system: string) {
    const names = [...packages, ...this.#options.include];
    return { system, arguments: this.#options.arguments, names };
  }

  #supply(request: PackageRequest, system: string, packages: readonly EvaluatedPackage[]): PathSupply {
    const { host, log } = this.#parts;
    const evaluateAgain = async (signal: AbortSignal) => {
      const state = await this.#set.current(request.revision, signal);
      return await this.#evaluateNow(request, system, state, signal);
    };
    const maxFetchedBytes = this.#options.closureBytes;
    return new PathSupply({ packages, evaluateAgain, maxFetchedBytes }, { host, ledger: this.#paths, log });
  }

  /** The recorded closure of packages. If it is not recorded, realises the packages first. */
  async #closure(
    packages: readonly EvaluatedPackage[],
    supply: PathSupply,
    signal: AbortSignal,
  ): Promise<readonly RecordedPath[]> {
    const outputs = packages.map(({ path }) => path);
    const known = await this.#paths.closure(outputs);
    if (known !== undefined) return known;
    const found = await supply.bringPackages(signal);
    this.#checkBounds(found);
    await this.#paths.record(found);
    const recorded = await this.#paths.closure(outputs);
    if (recorded === undefined) throw new Error("a recorded closure was not found");
    return recorded;
  }

  /**
   * The size of a closure in bytes.
   *
   * @throws {RegistryError} `build-failed`
   */
  #checkBounds(closure: readonly StorePathInfo[]): number {
    const { closurePaths, closureBytes } = this.#options;
    const bytes = closure.reduce((sum, { narSize }) => sum + narSize, 0);
    if (closure.length <= closurePaths && bytes <= closureBytes) return bytes;
    throw new RegistryError(
      "build-failed",
      `the image would have ${closure.length} store paths and ${bytes} bytes; the limits are ${closurePaths} and ${closureBytes}`,
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
