import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { GitCache } from "./git-cache.ts";
import { type GitCall, REMOTE } from "./git-command.ts";

/** Empty: outside of any repository, git reads the configuration of one that it happens to be started in. */
const NOTHING = "nothing";
/** Files of some commits, each without its history. Has no refs, because files may quote them (gitattributes(5)). */
const FILES = "files";
/** All commits, without files. */
const HISTORY = "history";
/** Everything; only for servers that do not give a single commit. */
const WHOLE = "whole";
const LIST_TIMEOUT_MS = 120_000;
const QUERY_TIMEOUT_MS = 300_000;
const FETCH_TIMEOUT_MS = 30 * 60_000;
/** Packs of files after which the cache begins anew: nothing else removes old commits. */
const MAX_PACKS = 20;
const FETCH = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
const [ALL_BRANCHES, ALL_TAGS] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"] as const;
const REFUSALS = /not our ref|unadvertised object/;

/** A remote git repository, with what this host keeps of it. */
export class GitRepository {
  readonly #cache: GitCache;

  constructor(cache: GitCache) {
    this.#cache = cache;
  }

  /**
   * The commits of the remote repository's refs that match `patterns`, by their full names. A tag stands for what it
   * tags.
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
      // What an annotated tag tags comes after the tag itself.
      if (name !== "") refs.set(name.replace(/\^\{\}$/, ""), hash);
    }
    return refs;
  }

  /**
   * The commits whose hash begins with `prefix` that a branch or tag reached when the history was last fetched.
   *
   * Lists all commits: commands that look for one would fetch it from the server, although no branch reaches it.
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
   * Fetches the commits of all branches and tags; their files only if the server cannot leave them out.
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
      // A tag for a folder or a file needs what the filter leaves out. Few files come with the tags of known commits.
      return (
        (await fetch("--filter=tree:0", REMOTE, ALL_BRANCHES)) ??
        (await fetch("--no-filter", REMOTE, ALL_TAGS))
      );
    });
    if (stderr !== undefined) throw this.#git.failure(stderr);
  }

  /**
   * Fetches a commit with its files, unless it is here; resolves to whether the server gives such a commit.
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
    // In one turn with the fetch, because another commit's turn may begin the cache anew.
    const isDone = await this.#cache.change(FILES, signal, async (repository) => {
      if (!(await this.#fetchInto(repository, commit, signal))) return false;
      await this.#write(repository, commit, archive, signal);
      return true;
    });
    if (isDone) return;
    // Servers of git's older protocol give only branches and tags, each with its history.
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
    // The server sends only how the files differ from those of the commits that are here.
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

/** How many packs there are, with those whose fetch was interrupted. */
async function countPacks(repository: string): Promise<number> {
  const names = await readdir(join(repository, "objects", "pack")).catch(() => []);
  return names.filter((name) => name.endsWith(".pack") || name.startsWith("tmp_")).length;
}
