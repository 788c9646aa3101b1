import type { Logger } from "../../../log.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import { ResolutionOutdated } from "../../package-source.ts";
import type { EvaluatedPackage } from "../evaluation/evaluation.ts";
import type { NixHost } from "../nix-host.ts";
import { outputNameOf } from "./derivation-file.ts";
import { StoreIncomplete, type StorePathInfo } from "./nix-store.ts";
import type { RecordedPath, StoreLedger } from "./store-ledger.ts";

/** The packages whose paths are supplied, and a limit. */
export interface SuppliedPackages {
  readonly packages: readonly EvaluatedPackage[];
  /** Evaluates again, which writes the derivations of the packages into the store. */
  readonly evaluateAgain: (signal: AbortSignal) => Promise<unknown>;
  /** Maximum bytes to download from binary caches. */
  readonly maxFetchedBytes: number;
}

/** The parts that a {@link PathSupply} works with. */
export interface PathSupplyParts {
  readonly host: NixHost;
  readonly ledger: StoreLedger;
  readonly log: Logger;
}

/** So long that the build's own time limit always comes first. */
const REALISE_TIMEOUT_MS = 24 * 3_600_000;
const MAX_ATTEMPTS = 10;

/**
 * Puts store paths of packages into this host's store, and keeps them there until it is disposed of, even if the store
 * is collected in the meantime.
 */
export class PathSupply implements AsyncDisposable {
  readonly #parts: PathSupplyParts;
  readonly #supplied: SuppliedPackages;
  readonly #roots = new AsyncDisposableStack();
  /** Paths of whole packages that are kept in the store. */
  readonly #brought = new Map<string, StorePathInfo>();
  #isUsed = false;

  constructor(supplied: SuppliedPackages, parts: PathSupplyParts) {
    this.#supplied = supplied;
    this.#parts = parts;
  }

  /**
   * Puts the packages and all that they need into the store; resolves to Nix's records of their closure.
   *
   * @throws {RegistryError} `build-failed`, `build-unavailable`
   */
  async bringPackages(signal: AbortSignal): Promise<readonly StorePathInfo[]> {
    const { packages } = this.#supplied;
    const outputs = packages.map(({ path }) => path);
    await this.#protect([...packages.map(({ drvPath }) => drvPath), ...outputs]);
    const wanted = packages.map(({ drvPath, output }) => `${drvPath}!${output}`);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      await this.#realise(wanted, signal);
      const closure = await this.#confirmedClosure(outputs, signal);
      if (closure === undefined) continue;
      for (const info of closure) this.#brought.set(info.path, info);
      return closure;
    }
    throw removedAgain();
  }

  /**
   * Puts single paths of the packages' closure into the store, and as little else as possible.
   *
   * @throws {ResolutionOutdated} if a new build of a path gave other bytes than the recorded ones; the new bytes are
   * recorded
   * @throws {RegistryError} `build-failed`, `build-unavailable`
   */
  async bring(wanted: readonly RecordedPath[], signal: AbortSignal): Promise<void> {
    const brought = wanted.flatMap(({ path }) => this.#brought.get(path) ?? []);
    if (brought.length === wanted.length) {
      await this.#compare(wanted, brought);
      return;
    }
    const { store } = this.#parts.host;
    const paths = wanted.map(({ path }) => path);
    await this.#protect([...paths, ...wanted.flatMap(({ deriver }) => deriver ?? [])]);
    // A collection that began before the paths were protected can still remove them.
    for (let attempt = 1; !(await store.confirm(paths, signal)); attempt += 1) {
      if (attempt === MAX_ATTEMPTS) throw removedAgain();
      await this.#makeMissing(wanted, signal);
    }
    await this.#compare(wanted, await store.infos(paths, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#roots.disposeAsync();
    if (this.#isUsed) this.#parts.host.tidy();
  }

  async #makeMissing(wanted: readonly RecordedPath[], signal: AbortSignal): Promise<void> {
    const paths = wanted.map(({ path }) => path);
    const missing = new Set(await this.#parts.host.store.missing(paths, signal));
    const absent = wanted.filter(({ path }) => missing.has(path));
    if (absent.length > 0) await this.#make(absent, signal);
  }

  /** The closure of realised outputs; `undefined` if a collection removed part of it in the meantime. */
  async #confirmedClosure(
    outputs: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly StorePathInfo[] | undefined> {
    const { store } = this.#parts.host;
    // Run both commands at the same time, because Nix takes longer to start than to answer.
    const listing = store.closure(outputs, signal);
    // It fails if a path was removed; the other command reports that.
    listing.catch(() => {});
    return (await store.confirm(outputs, signal)) ? await listing : undefined;
  }

  /** Realises paths through their own derivations, so that nothing is made that only their users need. */
  async #make(absent: readonly RecordedPath[], signal: AbortSignal): Promise<void> {
    let outputs = await this.#outputsOf(absent);
    if (outputs === undefined) {
      await this.#supplied.evaluateAgain(signal);
      outputs = await this.#outputsOf(absent);
    }
    if (outputs === undefined) await this.bringPackages(signal);
    else await this.#realise(outputs, signal);
  }

  /** Nix's names of the outputs at these paths; `undefined` if a derivation is not in the store. */
  async #outputsOf(paths: readonly RecordedPath[]): Promise<readonly string[] | undefined> {
    const { folders } = this.#parts.host.store;
    const names = await Promise.all(paths.map((one) => outputNameOf(one, folders)));
    const known = names.filter((name) => name !== undefined);
    return known.length === paths.length ? known : undefined;
  }

  async #realise(wanted: readonly string[], signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#realiseOnce(wanted, signal);
      } catch (cause) {
        if (!(cause instanceof StoreIncomplete) || attempt === MAX_ATTEMPTS) throw cause;
      }
      // A collection removed something since the evaluation.
      await this.#supplied.evaluateAgain(signal);
    }
  }

  async #realiseOnce(wanted: readonly string[], signal: AbortSignal): Promise<void> {
    const { host } = this.#parts;
    const mode = await host.mode();
    if (!mode.works) throw new RegistryError("build-unavailable", mode.reason);
    if (host.usesCaches) await this.#checkFetch(wanted, mode.mayBuild, signal);
    await host.store.realise(wanted, { timeoutMs: REALISE_TIMEOUT_MS, signal, mayBuild: mode.mayBuild });
  }

  /** Refuses paths that are too large to download, or that would have to be built although building is not allowed. */
  async #checkFetch(wanted: readonly string[], mayBuild: boolean, signal: AbortSignal): Promise<void> {
    const { maxFetchedBytes } = this.#supplied;
    const { fetchedBytes, built } = await this.#parts.host.store.plan(wanted, signal);
    if (!mayBuild && built.length > 0) {
      const packages = built.map((name) => ({
        name,
        reason: "it is in no binary cache, and this server builds no packages",
      }));
      const names = built.join(", ");
      throw new RegistryError(
        "build-failed",
        `not in any binary cache, and this server builds no packages: ${names}`,
        {
          detail: { packages },
        },
      );
    }
    if (fetchedBytes > maxFetchedBytes) {
      throw new RegistryError(
        "build-failed",
        `the image needs ${fetchedBytes} bytes from binary caches; the limit is ${maxFetchedBytes}`,
        { detail: { bytes: fetchedBytes, maxBytes: maxFetchedBytes } },
      );
    }
  }

  async #protect(paths: readonly string[]): Promise<void> {
    this.#isUsed = true;
    this.#roots.use(await this.#parts.host.store.protect(paths));
  }

  async #compare(wanted: readonly RecordedPath[], found: readonly StorePathInfo[]): Promise<void> {
    const recorded = new Map(wanted.map((one) => [one.path, one]));
    const changed = found.flatMap((info) => {
      const before = recorded.get(info.path);
      return before === undefined || before.narHash === info.narHash
        ? []
        : [{ ...info, replaces: before.narHash }];
    });
    if (changed.length === 0) return;
    const { ledger, log } = this.#parts;
    for (const { path, narHash, replaces } of changed)
      log.warn(
        { path, narHash, replaces },
        "a package was built to different bytes; the first ones are lost",
      );
    await ledger.replace(changed);
    throw new ResolutionOutdated("packages were built to different bytes than before");
  }
}

function removedAgain(): Error {
  return new Error("paths of the Nix store were removed repeatedly");
}
