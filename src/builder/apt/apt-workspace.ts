import { chmod, mkdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../../concurrency/once-successful.ts";
import { absent } from "../../files/system-error.ts";
import type { Logger } from "../../log.ts";
import type { RegistryError } from "../../oci/registry-error.ts";
import { CommandError, type CommandResult, type CommandRunner } from "../process/command-runner.ts";
import { atLowPriority } from "../process/low-priority.ts";
import { aptConfiguration } from "./apt-configuration.ts";
import { aptFailure, loggedOutput } from "./apt-output.ts";
import { copyLinkedLists } from "./linked-lists.ts";
import { listsDigest, suitesOfLists } from "./list-files.ts";
import { downloadCommand, findMethodUser, type MethodUser, openDownloadPlace } from "./method-user.ts";

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
 * Options of an update whose methods run as another user. They reach the lists only from the working folder, so their path
 * is relative. Other commands have the whole path, with which they make their cache.
 */
const BY_METHODS = ["-o", "Dir::State::lists=./lists", "-o", "pkgCacheFile::Generate=false"];
/** An empty folder in the working folder of queries, for those that need no lists. */
export const NO_LISTS = "no-lists";
/**
 * How long to keep using the lists after a failed refresh, in milliseconds. A failed download expires only lists older
 * than this.
 */
const RETRY_REFRESH_MS = 5 * 60_000;

/** How a program of apt downloads. */
export interface DownloadOptions {
  /** Whether it takes the absolute path of its working folder, which the user of apt's methods may not be able to enter. */
  readonly isByPath: boolean;
  /** Called with the progress. */
  readonly onPercent?: ((percent: number) => void) | undefined;
}

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
      const user = await this.#ready();
      const update = [
        "apt-get",
        this.#configOption,
        "update",
        "-q",
        ...(user === undefined ? [] : BY_METHODS),
      ];
      const command = downloadCommand(update, user, false);
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
    const [program = "", ...parameters] = command;
    const configured = [program, this.#configOption, ...parameters];
    return this.#locked("shared", configured, QUERY_TIMEOUT_MS, signal);
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
    return await listsDigest(join(this.#options.folder, "lists"));
  }

  /** The suites and code names of the releases in the lists. */
  suites(): Promise<ReadonlySet<string>> {
    return suitesOfLists(join(this.#options.folder, "lists"));
  }

  /** The path of one of this host's programs; `undefined` if it is not installed. */
  find(program: string): string | undefined {
    return this.#runner.find(program);
  }

  /**
   * Runs one of apt's programs, which downloads files into its working folder, as the user of apt's methods where that is
   * possible. They are in `folder` afterwards.
   */
  async download(
    [program = "", ...parameters]: readonly string[],
    folder: string,
    { isByPath, onPercent }: DownloadOptions,
    signal: AbortSignal,
  ): Promise<CommandResult> {
    const user = await this.#ready();
    const progress = ["-o", "APT::Status-Fd=1"];
    const command = [program, this.#configOption, "-qq", ...progress, ...parameters];
    await using place = await openDownloadPlace(folder, user);
    return await this.#runner.run(downloadCommand(command, user, isByPath), {
      folder: place.path,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      signal,
      onLine: (line) => {
        const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1];
        if (percent !== undefined) onPercent?.(Number(percent));
      },
    });
  }

  /** Logs what apt wrote when a download failed. */
  logFailedDownload(stderr: string): void {
    this.#log.warn({ reason: loggedOutput(stderr) }, "downloading packages failed");
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
    command: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CommandResult> {
    const { folder } = this.#options;
    const lock = ["flock", `--${kind}`, join(folder, "lists.lock")];
    return this.#runner.run([...lock, ...command], { folder, timeoutMs, signal });
  }

  /** Resolves to the user that apt's methods become. */
  async #prepare(): Promise<MethodUser | undefined> {
    const { folder } = this.#options;
    for (const name of ["lists/partial", NO_LISTS, "cache/archives/partial", "log"]) {
      await mkdir(join(folder, name), { recursive: true });
    }
    const user = await findMethodUser(this.#runner, folder);
    if (user !== undefined) {
      // It comes from the working folder, which others cannot reach if the folder of all data is private.
      for (const name of [folder, join(folder, "lists")]) await chmod(name, 0o711);
      if (!user.hasNamespaces)
        this.#log.warn(
          { user: user.name },
          "apt downloads some packages as root, because commands can have no namespaces here: those that need its lists",
        );
    }
    await writeFile(join(folder, "status"), "");
    await writeFile(join(folder, "extended-states"), "");
    await writeFile(join(folder, "apt.conf"), aptConfiguration(this.#options, user?.name));
    return user;
  }
}
