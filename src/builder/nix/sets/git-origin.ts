import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { CommandRunner } from "../../process/command-runner.ts";
import type { NixStore } from "../store/nix-store.ts";
import { GitCache } from "./git-cache.ts";
import { type GitAccess, GitCommand } from "./git-command.ts";
import { GitRepository } from "./git-repository.ts";
import type { SetOrigin, SetRevision } from "./set-origin.ts";

/**
 * Which commits a tag may name: those that a branch or tag points to; those that one reaches; or any that the server
 * sends. If forks share objects on the server, `any` lets anyone offer commits under the repository's address.
 */
export type GitRevisions = "refs" | "reachable" | "any";

/** Options of a {@link GitOrigin}. */
export interface GitOriginOptions extends GitAccess {
  readonly revisions: GitRevisions;
  /** Folder for local copies; each repository gets a subfolder. */
  readonly stateFolder: string;
}

const BRANCHES = "refs/heads/";
const TAGS = "refs/tags/";
const ALL_REFS = [`${BRANCHES}*`, `${TAGS}*`];
const FULL_COMMIT = /^[0-9a-f]{40}$/;
const SHORT_COMMIT = /^[0-9a-f]{7,39}$/;
const UNPACK_TIMEOUT_MS = 10 * 60_000;

/**
 * A package set in a git repository. A tag means the first of these that exists:
 *
 * - `latest`: the default branch;
 * - 40 hexadecimal digits: that commit;
 * - the branch, or else the tag, of that name; then the same with `/` for each `__`;
 * - 7 to 39 hexadecimal digits: the only commit whose hash begins with them.
 */
export class GitOrigin implements SetOrigin {
  readonly id: string;
  readonly programs: readonly string[] = ["git", "tar"];
  readonly isLocal = false;
  readonly #revisions: GitRevisions;
  readonly #git: GitCommand;
  readonly #cache: GitCache;
  readonly #repository: GitRepository;

  constructor(options: GitOriginOptions, runner: CommandRunner) {
    const name = new Bun.CryptoHasher("sha256").update(options.url).digest("hex").slice(0, 16);
    const folder = resolve(options.stateFolder, `git-${name}`);
    this.#git = new GitCommand(options, GitCache.homeIn(folder), runner);
    this.#cache = new GitCache(folder, this.#git);
    this.#repository = new GitRepository(this.#cache);
    this.#revisions = options.revisions;
    this.id = `git ${this.#git.address} ${options.revisions}`;
  }

  async find(tag: string, signal: AbortSignal): Promise<SetRevision> {
    const commit = await this.#commitOf(tag, signal);
    if (commit === undefined) throw unknownTag(tag);
    // A path of this host means nothing on another one.
    const place = this.#git.isLocal ? {} : { url: this.#git.address };
    return { id: commit, lock: { kind: "git", ...place, revision: commit }, pinned: FULL_COMMIT.test(tag) };
  }

  async place({ id }: SetRevision, store: NixStore, signal: AbortSignal): Promise<string> {
    await using scratch = await this.#cache.scratch();
    const archive = join(scratch.path, "archive");
    const folder = join(scratch.path, "source");
    await this.#repository.archive(id, archive, signal);
    await mkdir(folder);
    const unpack = ["tar", "--extract", "--no-same-owner", `--file=${archive}`, `--directory=${folder}`];
    await this.#git.program(unpack, { timeoutMs: UNPACK_TIMEOUT_MS, signal });
    return await store.addSource(folder, signal);
  }

  async #commitOf(tag: string, signal: AbortSignal): Promise<string | undefined> {
    if (tag === "latest") return (await this.#repository.refs(["HEAD"], signal)).get("HEAD");
    if (FULL_COMMIT.test(tag)) return (await this.#isAllowed(tag, signal)) ? tag : undefined;
    const named = await this.#named(tag, signal);
    return named ?? (SHORT_COMMIT.test(tag) ? await this.#beginningWith(tag, signal) : undefined);
  }

  /** The commit of a branch or tag. */
  async #named(tag: string, signal: AbortSignal): Promise<string | undefined> {
    const names = [...new Set([tag, tag.replaceAll("__", "/")])].flatMap((name) => [
      BRANCHES + name,
      TAGS + name,
    ]);
    // Without the last pattern, a server may leave out the commit behind an annotated tag.
    const patterns = names.flatMap((name) => (name.startsWith(TAGS) ? [name, `${name}^{}`] : [name]));
    const refs = await this.#repository.refs(patterns, signal);
    const found = names.find((name) => refs.has(name));
    return found === undefined ? undefined : refs.get(found);
  }

  async #isAllowed(commit: string, signal: AbortSignal): Promise<boolean> {
    // Some servers send only commits that a branch or tag reaches.
    if (this.#revisions === "any" && (await this.#repository.fetchCommit(commit, signal))) return true;
    if (this.#revisions !== "refs" && (await this.#hasReached(commit, signal))) return true;
    if ((await this.#tips(signal)).has(commit)) return true;
    if (this.#revisions === "refs") return false;
    await this.#repository.fetchHistory(signal);
    return await this.#hasReached(commit, signal);
  }

  async #beginningWith(prefix: string, signal: AbortSignal): Promise<string | undefined> {
    let commits: readonly string[];
    if (this.#revisions === "refs") {
      commits = [...(await this.#tips(signal))].filter((commit) => commit.startsWith(prefix));
    } else {
      await this.#repository.fetchHistory(signal);
      commits = await this.#repository.commitsWith(prefix, signal);
    }
    if (commits.length > 1) {
      const message = `${commits.length} commits of the git repository begin with ${prefix}`;
      throw new RegistryError("manifest-unknown", message, { detail: { tag: prefix } });
    }
    return commits[0];
  }

  async #hasReached(commit: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#repository.commitsWith(commit, signal)).length > 0;
  }

  async #tips(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const refs = await this.#repository.refs(ALL_REFS, signal);
    // Git's patterns also match the ends of names.
    const names = [...refs.keys()].filter((name) => name.startsWith(BRANCHES) || name.startsWith(TAGS));
    return new Set(names.map((name) => refs.get(name) ?? ""));
  }
}

function unknownTag(tag: string): RegistryError {
  const message = FULL_COMMIT.test(tag)
    ? "the git repository has no such commit, or clients may not use it"
    : "the git repository has no such branch, tag or commit";
  return new RegistryError("manifest-unknown", message, { detail: { tag } });
}
