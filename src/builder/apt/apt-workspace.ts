import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onceSuccessful } from "../../concurrency/once-successful.ts";
import { absent } from "../../files/system-error.ts";
import type { Logger } from "../../log.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { CommandError, type CommandResult, type CommandRunner } from "../process/command-runner.ts";
import { atLowPriority } from "../process/low-priority.ts";
import { aptConfiguration } from "./apt-configuration.ts";
import { aptFailure, fileProblem, loggedOutput } from "./apt-output.ts";
import type { DebianPackage } from "./debian-package.ts";
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
/** apt's program that downloads a single file. It is in no search path, and no setting of apt names it. */
const APT_HELPER = "/usr/lib/apt/apt-helper";
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

  /** The addresses of the repositories, to which the paths of their files are added. In the order of the sources. */
  async repositories(signal: AbortSignal): Promise<readonly string[]> {
    const addresses = await this.#indexTargets("$(REPO_URI)", signal);
    // apt has decoded them, but encodes an address as a whole only if it has a space.
    return [...new Set(addresses.map((one) => one.replaceAll(/[^!-~]/gu, encodeURIComponent)))];
  }

  /** The files in which apt finds its sources, in its order, without those that have none for binary packages. */
  async sourceFiles(signal: AbortSignal): Promise<readonly string[]> {
    const places = await this.#indexTargets("$(SOURCESENTRY)", signal);
    // FILE:NUMBER
    return [...new Set(places.map((place) => place.replace(/:\d+$/, "")))];
  }

  /** A text for each package list of the sources. */
  async #indexTargets(format: string, signal: AbortSignal): Promise<readonly string[]> {
    // Without this option, apt leaves out repositories whose lists are empty.
    const all = "--no-release-info";
    const command = ["apt-get", "indextargets", all, "--format", format, "Created-By: Packages"];
    const { exitCode, stdout, stderr } = await this.query(command, signal);
    if (exitCode !== 0) throw aptFailure("reading the sources failed", stderr);
    return stdout.split("\n").filter((line) => line !== "");
  }

  /**
   * Downloads one package's file from an address, whatever the lists say, to `path`. apt makes a link there to a file
   * of this host. Fails if the file has another digest or size.
   *
   * @param settings more settings of apt, as `NAME=VALUE`
   * @throws {RegistryError} `build-unavailable` if this host cannot do that
   */
  async downloadFile(
    address: string,
    path: string,
    { sha256, sizeBytes }: Pick<DebianPackage, "sha256" | "sizeBytes">,
    settings: readonly string[],
    signal: AbortSignal,
  ): Promise<CommandResult> {
    await this.#ready();
    if (this.#runner.find(APT_HELPER) === undefined) {
      const message = "the package lists do not have all packages, and apt-helper is not installed";
      throw new RegistryError("build-unavailable", message);
    }
    const options = settings.flatMap((setting) => ["-o", setting]);
    // With its size, apt does not download more than that.
    const expected = [`SHA256:${sha256}`, `Checksum-FileSize:${sizeBytes}`];
    const command = [APT_HELPER, this.#configOption, ...options, "download-file", address, path, ...expected];
    const result = await this.#runner.run(command, { timeoutMs: DOWNLOAD_TIMEOUT_MS, signal });
    if (result.exitCode !== 0 && fileProblem(result.stderr) === undefined)
      this.#log.warn({ reason: loggedOutput(result.stderr) }, "downloading a package failed");
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
