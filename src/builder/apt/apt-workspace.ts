import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../../concurrency/once-successful.ts";
import { absent } from "../../files/system-error.ts";
import type { Logger } from "../../log.ts";
import type { RegistryError } from "../../oci/registry-error.ts";
import { CommandError, type CommandResult, type CommandRunner } from "../process/command-runner.ts";
import { atLowPriority } from "../process/low-priority.ts";
import { aptFailure, loggedOutput } from "./apt-output.ts";
import { copyLinkedLists } from "./linked-lists.ts";

/** Where apt keeps its state, and settings that are added to the host's own configuration. */
export interface AptWorkspaceOptions {
  /** Folder for this workspace alone; several processes may share it. */
  readonly folder: string;
  /** Debian's name of the architecture, such as `amd64`. */
  readonly architecture: string;
  /** A sources file to use instead of the host's. */
  readonly sourcesFile?: string | undefined;
  /** Configuration in apt.conf(5) syntax that is read last. */
  readonly extraConfiguration?: string | undefined;
  /** Whether to install the packages that others recommend. */
  readonly recommends?: boolean;
  /** Lists older than this are refreshed. */
  readonly refreshListsSeconds: number;
}

// These include the wait for the lock. An update holds it for at most its own time limit, so a query that waited for one
// still has two minutes left.
const UPDATE_TIMEOUT_MS = 10 * 60_000;
const QUERY_TIMEOUT_MS = UPDATE_TIMEOUT_MS + 2 * 60_000;
const DOWNLOAD_TIMEOUT_MS = 60 * 60_000;
/**
 * How long to keep using the lists after a failed refresh, in milliseconds. A failed download expires only lists older
 * than this.
 */
const RETRY_REFRESH_MS = 5 * 60_000;

/** apt with separate state: it uses the host's sources, keys, proxies and credentials, and an empty package status. */
export class AptWorkspace {
  readonly #options: AptWorkspaceOptions;
  readonly #runner: CommandRunner;
  readonly #log: Logger;
  readonly #ready = onceSuccessful(() => this.#prepare());
  #lastFailedRefreshAt = 0;

  constructor(options: AptWorkspaceOptions, runner: CommandRunner, log: Logger) {
    this.#options = options;
    this.#runner = runner;
    this.#log = log;
  }

  /** When the lists were last refreshed, in milliseconds since the epoch; `undefined` when they are due for it. */
  async freshRevision(): Promise<number | undefined> {
    const refreshedAt = await this.#refreshedAt();
    return refreshedAt === undefined || this.#isDue(refreshedAt) ? undefined : refreshedAt;
  }

  /**
   * Refreshes the lists if they are due. Resolves to the time of the last refresh, in milliseconds since the epoch.
   *
   * If the refresh fails and there are old lists, logs the failure and keeps them.
   *
   * @throws {RegistryError} `build-failed`, or `storage-full`, when there are no lists at all
   * @throws {CommandError} when there are no lists and the update could not run or ran out of time
   */
  async refreshLists(signal: AbortSignal): Promise<number> {
    await this.#ready();
    const before = await this.#refreshedAt();
    if (before !== undefined && !this.#isDue(before)) return before;
    const failure = await this.#update(signal);
    if (failure === undefined) {
      await copyLinkedLists(join(this.#options.folder, "lists"));
      const now = new Date();
      await writeFile(this.#stamp, "");
      await utimes(this.#stamp, now, now);
      return (await this.#refreshedAt()) ?? now.getTime();
    }
    this.#lastFailedRefreshAt = Date.now();
    if (before !== undefined) return before;
    throw failure;
  }

  /** Runs the update. Logs and returns a failure. */
  async #update(signal: AbortSignal): Promise<RegistryError | CommandError | undefined> {
    const message = "downloading the package lists failed";
    try {
      const command = ["apt-get", "update", "-q"];
      const { exitCode, stderr } = await this.#locked("exclusive", command, UPDATE_TIMEOUT_MS, signal);
      if (exitCode === 0) return undefined;
      this.#log.warn({ reason: loggedOutput(stderr) }, message);
      return aptFailure(message, stderr);
    } catch (cause) {
      if (!(cause instanceof CommandError)) throw cause;
      this.#log.warn({ err: cause }, message);
      return cause;
    }
  }

  /** Runs a command that reads the lists. Waits while they are being replaced. */
  async query(command: readonly string[], signal: AbortSignal): Promise<CommandResult> {
    await this.#ready();
    return this.#locked("shared", command, QUERY_TIMEOUT_MS, signal);
  }

  /**
   * Streams the output of a command that reads the lists, at low priority.
   *
   * Takes no lock: another process can replace the lists in the meantime, so compare {@link listsState} afterwards.
   *
   * @throws {CommandError} if the command fails
   */
  async *stream(
    [program = "", ...parameters]: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    await this.#ready();
    const command = atLowPriority(this.#runner, [program, this.#configOption, ...parameters]);
    yield* this.#runner.stream(command, { timeoutMs: QUERY_TIMEOUT_MS, signal });
  }

  /**
   * A digest that is equal for equal lists, on every host; `undefined` before the first refresh. Reads the signed
   * release files of the mirrors instead of the lists themselves.
   */
  async listsState(): Promise<string | undefined> {
    if ((await this.#refreshedAt()) === undefined) return undefined;
    const folder = join(this.#options.folder, "lists");
    const hash = new Bun.CryptoHasher("sha256");
    for (const name of (await readdir(folder)).toSorted()) {
      if (!/_(?:In)?Release$|_Packages/.test(name)) continue;
      const path = join(folder, name);
      hash.update(`${name} ${(await stat(path)).size}\n`);
      if (name.endsWith("Release")) hash.update(await readFile(path));
    }
    return hash.digest("hex");
  }

  /** The suites and code names of the releases in the lists. */
  async suites(): Promise<ReadonlySet<string>> {
    const folder = join(this.#options.folder, "lists");
    const files = (await readdir(folder)).filter((name) => name.endsWith("Release"));
    const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
    // The list of files, which is long, comes after these fields.
    const fields = texts.flatMap((text) => [...text.matchAll(/^(?:Suite|Codename): *(\S+) *$/gm)]);
    return new Set(fields.map(([, suite]) => suite ?? ""));
  }

  /**
   * Downloads packages given as `NAME=VERSION` into `folder`, and reports the progress to `onPercent`.
   *
   * If a download fails, the next build refreshes the lists, unless they were refreshed a few minutes ago.
   */
  async download(
    pins: readonly string[],
    folder: string,
    onPercent: (percent: number) => void,
    signal: AbortSignal,
  ): Promise<CommandResult> {
    await this.#ready();
    const command = [
      "apt-get",
      this.#configOption,
      "download",
      "-qq",
      "-o",
      "APT::Status-Fd=1",
      "--",
      ...pins,
    ];
    const result = await this.#runner.run(command, {
      folder,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      signal,
      onLine: (line) => {
        const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1];
        if (percent !== undefined) onPercent(Number(percent));
      },
    });
    // A mirror drops versions that newer ones replaced, so the lists may name files that are gone.
    if (result.exitCode !== 0) {
      this.#log.warn({ reason: loggedOutput(result.stderr) }, "downloading packages failed");
      await this.expireLists();
    }
    return result;
  }

  /**
   * Makes the lists due for a refresh, unless they are new. If they are new, the mirror is at fault, and another
   * refresh would not help.
   */
  async expireLists(): Promise<void> {
    const refreshedAt = (await this.#refreshedAt()) ?? 0;
    if (Date.now() - refreshedAt > RETRY_REFRESH_MS) await utimes(this.#stamp, 0, 0);
  }

  #isDue(refreshedAt: number): boolean {
    const now = Date.now();
    return (
      now - refreshedAt > this.#options.refreshListsSeconds * 1000 &&
      now - this.#lastFailedRefreshAt > RETRY_REFRESH_MS
    );
  }

  get #stamp(): string {
    return join(this.#options.folder, "lists-refreshed");
  }

  get #configOption(): string {
    return `--config-file=${join(this.#options.folder, "apt.conf")}`;
  }

  async #refreshedAt(): Promise<number | undefined> {
    const stamp = await stat(this.#stamp).catch(absent);
    return stamp && Math.floor(stamp.mtimeMs);
  }

  /** Runs an apt command under a lock that other processes on the same folder respect. */
  #locked(
    kind: "shared" | "exclusive",
    [program = "", ...parameters]: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CommandResult> {
    const lock = ["flock", `--${kind}`, join(this.#options.folder, "lists.lock")];
    return this.#runner.run([...lock, program, this.#configOption, ...parameters], { timeoutMs, signal });
  }

  async #prepare(): Promise<void> {
    const { folder } = this.#options;
    for (const name of ["lists/partial", "cache/archives/partial", "log"]) {
      await mkdir(join(folder, name), { recursive: true });
    }
    await writeFile(join(folder, "status"), "");
    await writeFile(join(folder, "extended-states"), "");
    await writeFile(join(folder, "apt.conf"), aptConfiguration(this.#options));
  }
}

/**
 * The configuration that apt reads after the host's own.
 *
 * Clears hooks, because they act on the host, and skips indexes that are not needed to resolve packages.
 */
function aptConfiguration(options: AptWorkspaceOptions): string {
  const { folder, architecture, sourcesFile } = options;
  const quoted = (text: string): string => `"${text.replaceAll('"', "")}"`;
  const settings: Record<string, string> = {
    "Dir::State": folder,
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
    "Dir::State::extended_states": join(folder, "extended-states"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::Cache::archives": join(folder, "cache/archives"),
    "Dir::Cache::pkgcache": "pkgcache.bin",
    "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
    "Dir::Log": join(folder, "log"),
    "APT::Architecture": architecture,
    "APT::Sandbox::User": "root",
    "APT::Install-Recommends": String(options.recommends ?? false),
    "APT::Install-Suggests": "false",
    "APT::Get::AllowUnauthenticated": "false",
    "APT::Update::Error-Mode": "any",
    "Acquire::AllowInsecureRepositories": "false",
    "Acquire::Languages": "none",
    "Acquire::PDiffs": "false",
    // apt reads lists at many places, and would decompress them from their beginning each time that it goes back.
    "Acquire::GzipIndexes": "false",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    "Acquire::IndexTargets::deb::CNF::DefaultEnabled": "false",
    "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
    "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled": "false",
    ...(sourcesFile === undefined
      ? {}
      : { "Dir::Etc::sourcelist": sourcesFile, "Dir::Etc::sourceparts": "/dev/null" }),
  };
  const cleared = [
    "APT::Architectures",
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Invoke",
    "DPkg::Post-Invoke",
    "DPkg::Pre-Install-Pkgs",
    "AptCli::Hooks",
  ];
  return [
    ...cleared.map((name) => `#clear ${name};`),
    `APT::Architectures { ${quoted(architecture)}; };`,
    ...Object.entries(settings).map(([name, value]) => `${name} ${quoted(value)};`),
    options.extraConfiguration ?? "",
    "",
  ].join("\n");
}
