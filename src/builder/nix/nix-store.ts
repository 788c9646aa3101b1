import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { RegistryError } from "../../oci/registry-error.ts";
import { onceSuccessful } from "../once-successful.ts";
import type { CommandResult, CommandRunner } from "../process/command-runner.ts";
import { type NixFolders, type NixSettings, nixEnvironment } from "./nix-environment.ts";
import { realiseFailure } from "./nix-failure.ts";

/** A path in the store with what Nix knows of it. */
export interface StorePathInfo {
  /** Such as `/nix/store/HASH-NAME`. */
  readonly path: string;
  /** SHA-256 of its archive in Nix's format, in hex. */
  readonly narHash: string;
  readonly narSize: number;
  /** The paths that it refers to, itself among them if it does. */
  readonly references: readonly string[];
}

/** An output of a derivation. */
export interface DerivationOutput {
  readonly drvPath: string;
  readonly output: string;
  readonly path: string;
}

const QUERY_TIMEOUT_MS = 60_000;
const ADD_TIMEOUT_MS = 10 * 60_000;
/** Paths in one command line. */
const BATCH = 2_000;

/** The private store of a Nix source, by its classic commands, whose output is the same in all versions. */
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
  async run(
    command: readonly string[],
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<CommandResult> {
    await this.#created();
    return await this.#runner.run(command, { environment: this.#environment, timeoutMs, signal });
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
   * Makes outputs valid in the store: builds them or takes them from a binary cache.
   *
   * @throws {RegistryError} `build-failed`, naming the package that failed
   */
  async realise(outputs: readonly DerivationOutput[], timeoutMs: number, signal: AbortSignal): Promise<void> {
    const wanted = outputs.map(({ drvPath, output }) => `${drvPath}!${output}`);
    const command = ["nix-store", "--realise", "--quiet", ...wanted];
    const { exitCode, stderr } = await this.run(command, { timeoutMs, signal });
    if (exitCode === 0) return;
    const { derivation, reason } = realiseFailure(exitCode, stderr, [this.folders.store]);
    const what = derivation ?? "a package";
    throw new RegistryError("build-failed", `cannot build ${what}: ${reason}`, {
      detail: { packages: [{ name: what, reason }] },
    });
  }

  /** The closure of valid paths, in ascending order of path. */
  async closure(paths: readonly string[], signal: AbortSignal): Promise<readonly StorePathInfo[]> {
    const listed = await this.#query(["--query", "--requisites", ...paths], signal);
    const closure = listed.split("\n").filter((line) => line !== "");
    const infos: StorePathInfo[] = [];
    for (let at = 0; at < closure.length; at += BATCH) {
      infos.push(...parseDump(await this.#query(["--dump-db", ...closure.slice(at, at + BATCH)], signal)));
    }
    return infos.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  }

  /** Those of `paths` that are not in the store. */
  async missing(paths: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const missing: string[] = [];
    for (let at = 0; at < paths.length; at += BATCH) {
      const some = paths.slice(at, at + BATCH);
      const printed = await this.#query(["--check-validity", "--print-invalid", ...some], signal);
      missing.push(...printed.split("\n").filter((line) => line !== ""));
    }
    return missing;
  }

  /** Keeps paths from being collected until the result is disposed of, also those that are not there yet. */
  async protect(paths: readonly string[]): Promise<AsyncDisposable> {
    await this.#created();
    const folder = join(this.folders.roots, `${process.pid}-${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    await Promise.all(paths.map((path, index) => symlink(path, join(folder, String(index)))));
    return { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  }

  async #query(parameters: readonly string[], signal: AbortSignal): Promise<string> {
    const options = { timeoutMs: QUERY_TIMEOUT_MS, signal };
    const { exitCode, stdout, stderr } = await this.run(["nix-store", ...parameters], options);
    if (exitCode !== 0) throw new Error(`nix-store ${parameters[0]} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }

  /** Creates the folders, and removes what processes that are gone protected. */
  async #create(): Promise<void> {
    await this.folders.create();
    await mkdir(this.folders.roots, { recursive: true });
    for (const name of await readdir(this.folders.roots)) {
      if (!isAlive(Number.parseInt(name, 10))) {
        await rm(join(this.folders.roots, name), { recursive: true, force: true });
      }
    }
  }
}

/**
 * Reads what `nix-store --dump-db` prints: for each path, line by line, the path, its hash, its size, its deriver, the
 * number of its references, and these.
 */
function parseDump(text: string): readonly StorePathInfo[] {
  const lines = text.split("\n");
  const infos: StorePathInfo[] = [];
  for (let at = 0; at + 4 < lines.length; ) {
    const [path = "", narHash = "", narSize, , count] = lines.slice(at, at + 5);
    const end = at + 5 + Number(count);
    infos.push({ path, narHash, narSize: Number(narSize), references: lines.slice(at + 5, end) });
    at = end;
  }
  return infos;
}

/** A string of the Nix language. */
function nixString(text: string): string {
  return JSON.stringify(text).replaceAll("${", "\\${");
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
