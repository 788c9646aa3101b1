import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../../../concurrency/once-successful.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { CommandResult, CommandRunner } from "../../process/command-runner.ts";
import { isLeftBehind, THIS_PROCESS } from "../../process/process-names.ts";
import { type NixFolders, type NixSettings, nixEnvironment } from "../nix-environment.ts";
import { isStoreIncomplete, packagesFailed, realiseFailure, startedBuilds } from "../nix-failure.ts";
import { DumpSizes, linesOf, parseDump, parsePlan, type RealisePlan } from "./nix-output.ts";
import { storePathName } from "./store-path.ts";

/** A path in the store, with Nix's record of it. */
export interface StorePathInfo {
  /** Such as `/nix/store/HASH-NAME`. */
  readonly path: string;
  /** SHA-256 of its archive in Nix's format, in hex. */
  readonly narHash: string;
  readonly narSize: number;
  /** The paths that it refers to; can include itself. */
  readonly references: readonly string[];
  /** The derivation that makes it, if Nix knows it. */
  readonly deriver?: string;
}

/** Limits of a command, and a listener for its lines. */
export interface CommandLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** How packages are realised. */
export interface RealiseOptions extends CommandLimits {
  /** Whether packages may be built here; otherwise they come only from binary caches. */
  readonly mayBuild: boolean;
}

/** A needed derivation or path is no longer in the store. Evaluate again, then try again. */
export class StoreIncomplete extends Error {
  override readonly name = "StoreIncomplete";
}

const QUERY_TIMEOUT_MS = 60_000;
const ADD_TIMEOUT_MS = 10 * 60_000;
const PLAN_TIMEOUT_MS = 10 * 60_000;
const COLLECT_TIMEOUT_MS = 3_600_000;
/** Maximum paths in one command line. */
const BATCH = 2_000;
/** Maximum packages to name in an error when Nix does not say which one failed. */
const MAX_NAMED = 8;

/** The private Nix store. Uses Nix's classic commands, whose output is the same in all versions. */
export class NixStore {
  readonly folders: NixFolders;
  readonly #runner: CommandRunner;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #created: () => Promise<void>;

  constructor(folders: NixFolders, settings: NixSettings, runner: CommandRunner) {
    this.folders = folders;
    this.#runner = runner;
    this.#environment = nixEnvironment(folders, settings);
    this.#created = onceSuccessful(() => this.#create());
  }

  /** Runs a command of Nix in this store, whatever its exit status. */
  async run(command: readonly string[], options: CommandLimits): Promise<CommandResult> {
    await this.#created();
    return await this.#runner.run(command, { environment: this.#environment, ...options });
  }

  /**
   * Adds a folder of this host under the name `source`; resolves to its path in the store. Equal folders have equal paths.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async addSource(folder: string, signal: AbortSignal): Promise<string> {
    const expression = `builtins.path { name = "source"; path = ${nixString(folder)}; }`;
    const command = ["nix-instantiate", "--eval", "--json", "--read-write-mode", "-I", `set=${folder}`];
    const options = { timeoutMs: ADD_TIMEOUT_MS, signal };
    const { exitCode, stdout } = await this.run([...command, "-E", expression], options);
    if (exitCode !== 0) {
      throw new RegistryError("build-unavailable", "the package set cannot be read on this host");
    }
    return JSON.parse(stdout) as string;
  }

  /**
   * Makes outputs and paths valid in the store: builds them, or downloads them from a binary cache. Valid ones stay
   * valid while the command runs, even if the store is collected.
   *
   * @param wanted paths, or derivations with an output such as `PATH.drv!out`
   * @throws {StoreIncomplete} if a derivation is not in the store, or something is removed meanwhile
   * @throws {RegistryError} `build-failed`, naming the package that failed
   */
  async realise(wanted: readonly string[], options: RealiseOptions): Promise<void> {
    const command = [
      ...["nix-store", "--realise"],
      ...(options.mayBuild ? [] : ["--option", "max-jobs", "0"]),
      ...wanted,
    ];
    const { exitCode, stderr } = await this.run(command, options);
    if (exitCode === 0) return;
    if (isStoreIncomplete(stderr)) throw new StoreIncomplete();
    const { derivation, reason } = realiseFailure(exitCode, stderr, [this.folders.store]);
    const names = derivation === undefined ? await this.#unfinished(wanted, stderr, options) : [derivation];
    throw packagesFailed(new Map((names.length === 0 ? ["a package"] : names).map((name) => [name, reason])));
  }

  /**
   * What {@link realise} would do.
   *
   * @throws {StoreIncomplete} if a derivation is not in the store, or something is removed meanwhile
   */
  async plan(wanted: readonly string[], signal: AbortSignal): Promise<RealisePlan> {
    const command = ["nix-store", "--realise", "--dry-run", ...wanted];
    const { exitCode, stderr } = await this.run(command, { timeoutMs: PLAN_TIMEOUT_MS, signal });
    if (exitCode !== 0 && isStoreIncomplete(stderr)) throw new StoreIncomplete();
    // On any other failure, {@link realise} will fail too, and report the reason.
    return parsePlan(stderr);
  }

  /**
   * Restores a path that was changed on disk.
   *
   * @throws {RegistryError} `build-failed` if that is not possible
   */
  async repair(path: string, options: CommandLimits): Promise<void> {
    const { exitCode, stderr } = await this.run(["nix-store", "--repair-path", path], options);
    if (exitCode === 0) return;
    const { reason } = realiseFailure(exitCode, stderr, [this.folders.store]);
    const name = storePathName(path);
    throw new RegistryError(
      "build-failed",
      `${name} is damaged on this host and cannot be rebuilt: ${reason}`,
      {
        detail: { packages: [{ name, reason }] },
      },
    );
  }

  /** The closure of valid paths, in ascending order of path. */
  async closure(paths: readonly string[], signal: AbortSignal): Promise<readonly StorePathInfo[]> {
    const listed = await this.#query(["--query", "--requisites", ...paths], signal);
    return await this.infos(linesOf(listed), signal);
  }

  /** Nix's records of valid paths, in ascending order of path. */
  async infos(paths: readonly string[], signal: AbortSignal): Promise<readonly StorePathInfo[]> {
    const infos: StorePathInfo[] = [];
    for (let at = 0; at < paths.length; at += BATCH) {
      infos.push(...parseDump(await this.#query(["--dump-db", ...paths.slice(at, at + BATCH)], signal)));
    }
    return infos.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  }

  /** Bytes of all paths in the store. */
  async sizeBytes(signal: AbortSignal): Promise<number> {
    const dump = new DumpSizes();
    const command = ["nix-store", "--dump-db"];
    const options = { timeoutMs: COLLECT_TIMEOUT_MS, signal, onLine: (line: string) => dump.add(line) };
    const { exitCode, stderr } = await this.run(command, options);
    if (exitCode !== 0) throw new Error(`nix-store --dump-db ended with ${exitCode}: ${stderr}`);
    return dump.bytes;
  }

  /** Removes unused paths, until about `bytes` are freed. */
  async collect(bytes: number, signal: AbortSignal): Promise<void> {
    const command = ["nix-store", "--gc", "--quiet", "--max-freed", String(Math.ceil(bytes))];
    const { exitCode, stderr } = await this.run(command, { timeoutMs: COLLECT_TIMEOUT_MS, signal });
    if (exitCode !== 0) throw new Error(`nix-store --gc ended with ${exitCode}: ${stderr}`);
  }

  /** Whether paths are in the store. If so, and if they are protected, a running collection keeps them. */
  async confirm(paths: readonly string[], signal: AbortSignal): Promise<boolean> {
    for (let at = 0; at < paths.length; at += BATCH) {
      const some = paths.slice(at, at + BATCH);
      const command = ["nix-store", "--realise", "--quiet", "--option", "substitute", "false", ...some];
      if ((await this.run(command, { timeoutMs: QUERY_TIMEOUT_MS, signal })).exitCode !== 0) return false;
    }
    return true;
  }

  /** Those of `paths` that are not in the store. */
  async missing(paths: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const missing: string[] = [];
    for (let at = 0; at < paths.length; at += BATCH) {
      const some = paths.slice(at, at + BATCH);
      const printed = await this.#query(["--check-validity", "--print-invalid", ...some], signal);
      missing.push(...linesOf(printed));
    }
    return missing;
  }

  /** Keeps paths from being collected until the result is disposed of. The paths need not be there yet. */
  async protect(paths: readonly string[]): Promise<AsyncDisposable> {
    await this.#created();
    const folder = join(this.folders.roots, `${THIS_PROCESS}${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    await Promise.all(paths.map((path, index) => symlink(path, join(folder, String(index)))));
    return { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  }

  /** Packages that a command was building when it failed; if there are none, all that it still had to build. */
  async #unfinished(
    wanted: readonly string[],
    stderr: string,
    { signal }: CommandLimits,
  ): Promise<readonly string[]> {
    const { built } = await this.plan(wanted, signal);
    const started = new Set(startedBuilds(stderr));
    const building = built.filter((name) => started.has(name));
    return (building.length > 0 ? building : built).slice(0, MAX_NAMED);
  }

  async #query(parameters: readonly string[], signal: AbortSignal): Promise<string> {
    const options = { timeoutMs: QUERY_TIMEOUT_MS, signal };
    const { exitCode, stdout, stderr } = await this.run(["nix-store", ...parameters], options);
    if (exitCode !== 0) throw new Error(`nix-store ${parameters[0]} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }

  /** Creates the database of a new store, because two commands that both create it would conflict. */
  async #initialise(): Promise<void> {
    if (await Bun.file(this.folders.database).exists()) return;
    const options = { environment: this.#environment, timeoutMs: QUERY_TIMEOUT_MS };
    const { exitCode, stderr } = await this.#runner.run(["nix-store", "--init"], options);
    if (exitCode !== 0) throw new Error(`nix-store --init ended with ${exitCode}: ${stderr}`);
  }

  /** Creates the folders and the store, and removes the protections of dead processes. */
  async #create(): Promise<void> {
    await this.folders.create();
    await mkdir(this.folders.roots, { recursive: true });
    await this.#initialise();
    for (const name of await readdir(this.folders.roots)) {
      if (isLeftBehind(name)) {
        await rm(join(this.folders.roots, name), { recursive: true, force: true });
      }
    }
  }
}

/** A string of the Nix language. */
function nixString(text: string): string {
  return JSON.stringify(text).replaceAll("${", "\\${");
}
