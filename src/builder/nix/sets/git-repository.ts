import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { GitCache } from "./git-cache.ts";
import { type GitCall, REMOTE } from "./git-command.ts";

/**
 * An empty repository to run commands in. Without one, git would read the configuration of a repository around the
 * current folder.
 */
const NOTHING = "nothing";
/**
 * Files of some commits, each without its history. It has no refs, because an archived file could include them
 * (gitattributes(5)).
 */
const FILES = "files";
/** All commits, without files. */
const HISTORY = "history";
/** Everything. Used only for servers that do not send a single commit. */
const WHOLE = "whole";
const LIST_TIMEOUT_MS = 120_000;
const QUERY_TIMEOUT_MS = 300_000;
const FETCH_TIMEOUT_MS = 30 * 60_000;
/** Maximum packs of files before the cache starts again from empty: nothing else removes old commits. */
const MAX_PACKS = 20;
const FETCH = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
const [ALL_BRANCHES, ALL_TAGS] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"] as const;
const REFUSALS = /not our ref|unadvertised object/;

/** A remote git repository and its local copies. */
export class GitRepository {
  readonly #cache: GitCache;

  constructor(cache: GitCache) {
    this.#cache = cache;
  }

  /**
   * The remote repository's refs that match `patterns`: commits by full name of the ref. An annotated tag has the
   * commit that it tags.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async refs(patterns: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const repository = await this.#cache.repository(NOTHING, signal);
    const call = { timeoutMs: LIST_TIMEOUT_MS, signal };
    const command = ["ls-remote", REMOTE, ...patterns];
    const { exitCode, stdout, stderr } = await this.#git.remote(repository, command, call);
    if (exitCode !== 0) throw this.#git.failure(stderr);
    const refs = new Map<string, string>();
    for (const line of stdout.split("\n")) {
      const [hash = "", name = ""] = line.split("\t");
      // The commit behind an annotated tag comes after the tag itself.
      if (name !== "") refs.set(name.replace(/\^\{\}$/, ""), hash);
    }
    return refs;
  }

  /**
   * The commits whose hash begins with `prefix`, among those that a branch or tag reached when the history was last
   * fetched.
   *
   * Lists all commits, because a command that looks for one would fetch it from the server even if no branch reaches
   * it.
   */
  async commitsWith(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const commits: string[] = [];
    const onLine = (line: string): void => {
      if (line.startsWith(prefix)) commits.push(line);
    };
    const repository = await this.#cache.repository(HISTORY, signal);
    const call = { timeoutMs: QUERY_TIMEOUT_MS, signal, onLine };
    const { exitCode, stderr } = await this.#git.local(repository, ["rev-list", "--all"], call);
    if (exitCode !== 0) throw this.#git.failure(stderr);
    return commits;
  }

  /**
   * Fetches the commits of all branches and tags, without their files if the server can leave them out.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async fetchHistory(signal: AbortSignal): Promise<void> {
    const call = { timeoutMs: FETCH_TIMEOUT_MS, signal };
    const stderr = await this.#cache.change(HISTORY, signal, async (repository) => {
      const fetch = async (...parameters: readonly string[]): Promise<string | undefined> => {
        const command = [...FETCH, "--prune", "--update-shallow", ...parameters];
        const result = await this.#git.remote(repository, command, call);
        return result.exitCode === 0 ? undefined : result.stderr;
      };
      const failure = await fetch("--filter=tree:0", REMOTE, ALL_BRANCHES, ALL_TAGS);
      if (failure?.includes("did not send all necessary objects") !== true) return failure;
      // A tag of a folder or a file needs what the filter leaves out. So fetch tags without the filter; few files come
      // with them.
      return (
        (await fetch("--filter=tree:0", REMOTE, ALL_BRANCHES)) ??
        (await fetch("--no-filter", REMOTE, ALL_TAGS))
      );
    });
    if (stderr !== undefined) throw this.#git.failure(stderr);
  }

  /**
   * Fetches a commit with its files, unless it is here. Resolves to false if the server does not send it.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async fetchCommit(commit: string, signal: AbortSignal): Promise<boolean> {
    return await this.#cache.change(FILES, signal, (repository) =>
      this.#fetchInto(repository, commit, signal),
    );
  }

  /**
   * Writes the files of a commit to `archive`, in the format of tar.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async archive(commit: string, archive: string, signal: AbortSignal): Promise<void> {
    // Fetch and archive in one change, because a change for another commit can empty the cache.
    const isDone = await this.#cache.change(FILES, signal, async (repository) => {
      if (!(await this.#fetchInto(repository, commit, signal))) return false;
      await this.#write(repository, commit, archive, signal);
      return true;
    });
    if (isDone) return;
    // Servers with git's older protocol send only branches and tags, each with its history.
    await this.#cache.change(WHOLE, signal, async (repository) => {
      const call = { timeoutMs: FETCH_TIMEOUT_MS, signal };
      const command = [...FETCH, "--prune", "--update-shallow", REMOTE, ALL_BRANCHES, ALL_TAGS];
      if (!(await this.#hasCommit(repository, commit, call))) {
        const { exitCode, stderr } = await this.#git.remote(repository, command, call);
        if (exitCode !== 0) throw this.#git.failure(stderr);
      }
      const isThere = await this.#hasCommit(repository, commit, call);
      if (!isThere) throw this.#git.failure("the git server did not send the commit");
      await this.#write(repository, commit, archive, signal);
    });
  }

  get #git() {
    return this.#cache.git;
  }

  async #write(repository: string, commit: string, archive: string, signal: AbortSignal): Promise<void> {
    const command = ["archive", "--format=tar", `--output=${archive}`, commit];
    const call = { timeoutMs: QUERY_TIMEOUT_MS, signal };
    const { exitCode, stderr } = await this.#git.local(repository, command, call);
    if (exitCode !== 0) throw this.#git.failure(stderr);
  }

  async #fetchInto(repository: string, commit: string, signal: AbortSignal): Promise<boolean> {
    const query = { timeoutMs: QUERY_TIMEOUT_MS, signal };
    if (await this.#hasCommit(repository, commit, query)) return true;
    if ((await countPacks(repository)) >= MAX_PACKS) await this.#cache.beginAnew(repository, signal);
    // With these, the server sends only the differences from the commits that are here.
    const known = await shallowCommits(repository);
    const options = ["--depth=1", ...known.map((one) => `--negotiation-tip=${one}`)];
    const command = [...FETCH, ...options, REMOTE, commit];
    const call = { timeoutMs: FETCH_TIMEOUT_MS, signal };
    const { exitCode, stderr } = await this.#git.remote(repository, command, call);
    if (exitCode === 0) return await this.#hasCommit(repository, commit, query);
    if (REFUSALS.test(stderr)) return false;
    throw this.#git.failure(stderr);
  }

  async #hasCommit(repository: string, commit: string, call: GitCall): Promise<boolean> {
    const { stdout } = await this.#git.local(repository, ["cat-file", "-t", commit], call);
    return stdout.trim() === "commit";
  }
}

/** The commits that were fetched without their history (git's file `shallow`). */
async function shallowCommits(repository: string): Promise<readonly string[]> {
  const text = await readFile(join(repository, "shallow"), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

/** The number of packs, including those of interrupted fetches. */
async function countPacks(repository: string): Promise<number> {
  const names = await readdir(join(repository, "objects", "pack")).catch(() => []);
  return names.filter((name) => name.endsWith(".pack") || name.startsWith("tmp_")).length;
}
