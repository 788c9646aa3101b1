import { SingleFlight } from "../../concurrency/single-flight.ts";
import type { Logger } from "../../log.ts";
import type { Fault, RegistryError } from "../../oci/registry-error.ts";
import { buildFailure } from "../build-failure.ts";
import { aptFailure } from "./apt-output.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import { orBuildFailed } from "./command-failure.ts";
import { repositoryAddresses } from "./index-targets.ts";
import { PackageNames } from "./package-names.ts";

/** The names in package lists that are not due for a refresh. */
export interface KnownPackages {
  /** When the lists were refreshed, in milliseconds since the epoch. Different lists have different revisions. */
  readonly revision: number;
  /** All names that apt knows: packages, virtual packages, and names that other packages only mention. */
  readonly names: PackageNames;
  /** The suites and code names of their releases. */
  readonly suites: ReadonlySet<string>;
  /** The addresses of the repositories, to which the paths of their files are added. */
  readonly repositories: readonly string[];
}

/** How long a failure to load the lists is remembered, in milliseconds. */
const RETRY_AFTER_MS = 10_000;
/**
 * The same for storage failures such as a full disk, in milliseconds. Short, so that builds work again soon after
 * somebody frees space.
 */
const RETRY_STORAGE_AFTER_MS = 1_000;

const FAILURES_OF_APT: ReadonlySet<Fault> = new Set(["build-failed", "build-unavailable"]);

/** The package lists of one architecture. Refreshes them when due; concurrent callers share one refresh. */
export class PackageLists {
  readonly #workspace: AptWorkspace;
  readonly #requireApt: () => Promise<void>;
  readonly #log: Logger;
  readonly #loading = new SingleFlight<KnownPackages>();
  #known: KnownPackages | undefined;
  #failure: { readonly error: RegistryError; readonly until: number } | undefined;

  /** @param requireApt rejects when this host has no apt */
  constructor(workspace: AptWorkspace, requireApt: () => Promise<void>, log: Logger) {
    this.#workspace = workspace;
    this.#requireApt = requireApt;
    this.#log = log;
  }

  /**
   * The current lists. Starts a program only if they are due for a refresh, or if another process refreshed them.
   *
   * @throws {RegistryError} `build-failed`, `build-unavailable`, `storage-full` or `storage-unavailable`, when there are
   * no lists
   */
  async current(signal: AbortSignal | undefined): Promise<KnownPackages> {
    const revision = await this.#workspace.freshRevision();
    if (this.#known !== undefined && this.#known.revision === revision) return this.#known;
    if (this.#failure !== undefined && Date.now() < this.#failure.until) throw this.#failure.error;
    return await this.#loading.run("lists", signal, (shared) => this.#load(shared));
  }

  async #load(signal: AbortSignal): Promise<KnownPackages> {
    try {
      await this.#requireApt();
      const revision = await orBuildFailed(this.#workspace.refreshLists(signal));
      if (this.#known?.revision !== revision) {
        const [names, suites, repositories] = await Promise.all([
          this.#read(signal),
          this.#workspace.suites(),
          orBuildFailed(repositoryAddresses(this.#workspace, signal)),
        ]);
        this.#known = { revision, names, suites, repositories };
      }
      this.#failure = undefined;
      return this.#known;
    } catch (cause) {
      // An aborted load is not a failure to remember.
      signal.throwIfAborted();
      const error = buildFailure(cause, this.#log);
      const forMs = FAILURES_OF_APT.has(error.fault) ? RETRY_AFTER_MS : RETRY_STORAGE_AFTER_MS;
      this.#failure = { error, until: Date.now() + forMs };
      throw error;
    }
  }

  async #read(signal: AbortSignal): Promise<PackageNames> {
    const command = ["apt-cache", "pkgnames", "--all-names"];
    const { exitCode, stdout, stderr } = await orBuildFailed(this.#workspace.query(command, signal));
    if (exitCode !== 0) throw aptFailure("reading the package lists failed", stderr);
    return await PackageNames.parse(stdout);
  }
}
