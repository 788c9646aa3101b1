import { onceSuccessful } from "../../concurrency/once-successful.ts";
import type { Logger } from "../../log.ts";
import type { SourceAvailability } from "../package-source.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { NixFolders, type NixSettings } from "./nix-environment.ts";
import { NixStore } from "./store/nix-store.ts";
import { StoreKeeper } from "./store/store-keeper.ts";
import { tryBuild } from "./store/store-trial.ts";

/** Options of a {@link NixHost}. */
export interface NixHostOptions extends NixSettings {
  /** Maximum bytes of the store. Beyond that, unused paths are removed. */
  readonly storeBytes: number;
}

/** What Nix can do on this host. */
export type NixMode =
  | { readonly works: true; readonly version: string; readonly mayBuild: boolean; readonly why?: string }
  | { readonly works: false; readonly reason: string };

const PROGRAMS = ["nix-instantiate", "nix-store"];
const VERSION_TIMEOUT_MS = 60_000;

/** The installed Nix with its private store, which all package sets share. */
export class NixHost implements AsyncDisposable {
  readonly store: NixStore;
  /** Whether packages can come from binary caches. */
  readonly usesCaches: boolean;
  readonly #options: NixHostOptions;
  readonly #runner: CommandRunner;
  readonly #keeper: StoreKeeper;
  #mode: () => Promise<NixMode>;

  constructor(options: NixHostOptions, runner: CommandRunner, log: Logger) {
    this.#options = options;
    this.#runner = runner;
    this.store = new NixStore(new NixFolders(options.stateFolder), options, runner);
    this.usesCaches = options.substituters === undefined || options.substituters.length > 0;
    this.#keeper = new StoreKeeper(this.store, options.storeBytes, log);
    this.#mode = onceSuccessful(() => this.#findMode());
  }

  /** Why Nix cannot run here at all; `undefined` if it can. Checked on each call. */
  get absence(): string | undefined {
    const missing = PROGRAMS.filter((program) => this.#runner.find(program) === undefined);
    return missing.length === 0 ? undefined : `Nix is not installed: ${missing.join(", ")} not found`;
  }

  /** Whether Nix works here, and whether it can build. Remembered once Nix works. */
  async mode(): Promise<NixMode> {
    const reason = this.absence;
    if (reason !== undefined) return { works: false, reason };
    const mode = await this.#mode();
    // Try again next time: the reason, such as a full disk, may be gone by then.
    if (!mode.works) this.#mode = onceSuccessful(() => this.#findMode());
    return mode;
  }

  /** {@link mode}, as the start message shows it. */
  async available(): Promise<SourceAvailability> {
    try {
      const mode = await this.mode();
      if (!mode.works) return { available: false, reason: mode.reason };
      const limits = mode.mayBuild ? "" : `; packages come from binary caches only: ${mode.why}`;
      return { available: true, detail: `${mode.version}${limits}` };
    } catch (cause) {
      return { available: false, reason: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  /** Removes unused paths in the background if the store is too large. */
  tidy(): void {
    this.#keeper.tidy();
  }

  /** Ends the work in the background. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
  }

  async #findMode(): Promise<NixMode> {
    const signal = new AbortController().signal;
    const limits = { timeoutMs: VERSION_TIMEOUT_MS, signal };
    const { exitCode, stdout } = await this.store.run(["nix-store", "--version"], limits);
    if (exitCode !== 0) return { works: false, reason: `nix-store --version ended with ${exitCode}` };
    const version = stdout.trim();
    if (this.#options.maxJobs === 0)
      return { works: true, version, mayBuild: false, why: "builder.nix.maxJobs is 0" };
    const problem = await tryBuild(this.store, signal);
    if (problem === undefined) return { works: true, version, mayBuild: true };
    const why = `nothing can be built on this host: ${problem}`;
    return this.usesCaches ? { works: true, version, mayBuild: false, why } : { works: false, reason: why };
  }
}
