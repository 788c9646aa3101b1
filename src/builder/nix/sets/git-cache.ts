import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLock } from "../../../concurrency/keyed-lock.ts";
import { onceSuccessful } from "../../../concurrency/once-successful.ts";
import { isRunning } from "../../process/process-names.ts";
import type { GitCommand } from "./git-command.ts";
import { type ScratchFolder, scratchFolder } from "./scratch-folder.ts";

const INIT_TIMEOUT_MS = 60_000;
/** Shared by all caches, because several origins can use the same folder. */
const LOCKS = new KeyedLock();

/**
 * The local folder for one remote repository: it has bare repositories, an empty home folder and scratch folders.
 *
 * One caller at a time changes a repository; others can read it in the meantime. If another process uses the same
 * folder, git's own locks protect the repositories, and one of the two processes can fail.
 */
export class GitCache {
  readonly git: GitCommand;
  readonly #folder: string;
  /** Whether no other process uses the folder. */
  #isOwner = false;
  readonly #opened: () => Promise<void>;

  /** The home folder of `git` must be {@link GitCache.homeIn} of `folder`. */
  constructor(folder: string, git: GitCommand) {
    this.git = git;
    this.#folder = folder;
    this.#opened = onceSuccessful(() => this.#open());
  }

  /** The home folder in a cache's folder. */
  static homeIn(folder: string): string {
    return join(folder, "home");
  }

  /** The path of the bare repository `name`; creates it if needed. */
  async repository(name: string, signal: AbortSignal): Promise<string> {
    await this.#opened();
    const repository = join(this.#folder, `${name}.git`);
    await LOCKS.run(repository, () => this.#initialise(repository, signal), signal);
    return repository;
  }

  /** Runs `work` on the bare repository `name` while no other caller changes it. */
  async change<Result>(
    name: string,
    signal: AbortSignal,
    work: (repository: string) => Promise<Result>,
  ): Promise<Result> {
    await this.#opened();
    const repository = join(this.#folder, `${name}.git`);
    const change = async (): Promise<Result> => {
      await this.#initialise(repository, signal);
      await this.#removeLocks(repository);
      return await work(repository);
    };
    return await LOCKS.run(repository, change, signal);
  }

  /** Makes a repository empty again. Call it only inside {@link change}. */
  async beginAnew(repository: string, signal: AbortSignal): Promise<void> {
    await rm(repository, { recursive: true, force: true });
    await this.#initialise(repository, signal);
  }

  /** A new, empty folder. */
  async scratch(): Promise<ScratchFolder> {
    await this.#opened();
    return await scratchFolder(join(this.#folder, "scratch"));
  }

  /** Creates a repository, or completes one whose creation was interrupted. */
  async #initialise(repository: string, signal: AbortSignal): Promise<void> {
    const complete = join(repository, "slipway-complete");
    if (await Bun.file(complete).exists()) return;
    const command = ["init", "--bare", "--quiet", "--template="];
    const options = { timeoutMs: INIT_TIMEOUT_MS, signal };
    const { exitCode, stderr } = await this.git.local(repository, command, options);
    if (exitCode !== 0) throw this.git.failure(stderr);
    await writeFile(complete, "");
  }

  /** Removes the locks of a killed git, which would make a fetch in this repository wait or fail. */
  async #removeLocks(repository: string): Promise<void> {
    if (!this.#isOwner) return;
    for await (const lock of new Bun.Glob("**/*.lock").scan({ cwd: repository, dot: true })) {
      await rm(join(repository, lock), { force: true });
    }
  }

  async #open(): Promise<void> {
    await mkdir(GitCache.homeIn(this.#folder), { recursive: true });
    this.#isOwner = await own(join(this.#folder, "owner"));
  }
}

/**
 * Makes this process the owner of a folder, unless the owner is another running process. `file` contains the owner's
 * process id.
 */
async function own(file: string): Promise<boolean> {
  const pid = Number.parseInt(await readFile(file, "utf8").catch(() => ""), 10);
  if (!Number.isNaN(pid) && pid !== process.pid && isRunning(pid)) return false;
  await writeFile(file, String(process.pid));
  return true;
}
