import { afterEach, beforeEach, expect, it, setDefaultTimeout } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../../test/support/command.ts";
import { HAS_GIT, TestRepository } from "../../../../test/support/git.ts";
import { testRunner } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { GitCache } from "./git-cache.ts";
import { GitCommand } from "./git-command.ts";
import { GitRepository } from "./git-repository.ts";

setDefaultTimeout(120_000);

const SIGNAL = new AbortController().signal;

describeWith("what is kept of a git repository", HAS_GIT, "git is not installed", () => {
  let folder: TemporaryFolder;
  let origin: TestRepository;
  let kept: string;
  let repository: GitRepository;

  beforeEach(async () => {
    folder = await temporaryFolder("git-repository");
    origin = await TestRepository.create(folder.path, "main");
    kept = join(folder.path, "kept");
    const git = new GitCommand({ url: origin.published }, GitCache.homeIn(kept), testRunner());
    repository = new GitRepository(new GitCache(kept, git));
  });
  afterEach(async () => await folder[Symbol.asyncDispose]());

  async function packSizes(): Promise<readonly number[]> {
    const packs = join(kept, "files.git/objects/pack");
    const names = (await readdir(packs)).filter((name) => name.endsWith(".pack"));
    return await Promise.all(names.map(async (name) => (await stat(join(packs, name))).size));
  }

  async function countObjects(name: string): Promise<number> {
    const list = ["cat-file", "--batch-all-objects", "--batch-check"];
    const text = await mustRun(["git", "--git-dir", join(kept, name), ...list], { GIT_NO_LAZY_FETCH: "1" });
    return text.split("\n").filter((line) => line !== "").length;
  }

  it("grows only by what differs from commits that are there", async () => {
    const large = randomBytes(300_000).toString("hex");
    const commits = [await origin.commit({ large }), await origin.commit({ small: "1" })];
    await origin.publish();
    for (const commit of commits) expect(await repository.fetchCommit(commit, SIGNAL)).toBe(true);
    const sizes = (await packSizes()).toSorted((one, other) => one - other);
    expect(sizes).toHaveLength(2);
    expect(sizes[0]).toBeLessThan(10_000);
    expect(sizes[1]).toBeGreaterThan(300_000);
  });

  it("does not grow for ever", async () => {
    const commits: string[] = [];
    for (let count = 0; count < 45; count += 1) commits.push(await origin.commit({ text: String(count) }));
    await origin.publish();
    for (const commit of commits) expect(await repository.fetchCommit(commit, SIGNAL)).toBe(true);
    expect((await packSizes()).length).toBeLessThanOrEqual(20);
    expect(await repository.fetchCommit(commits[0] ?? "", SIGNAL)).toBe(true);
  });

  it.each([
    ["true", 2],
    // Two commits with a folder and a file each.
    ["false", 6],
  ])("of history has the files only if the server cannot leave them out (%s)", async (allowed, count) => {
    await origin.configure("uploadpack.allowFilter", allowed);
    const commits = [await origin.commit({ text: "1" }), await origin.commit({ text: "2" })];
    await origin.publish();
    await repository.fetchHistory(SIGNAL);
    expect(await countObjects("history.git")).toBe(count);
    for (const commit of commits) expect(await repository.commitsWith(commit, SIGNAL)).toEqual([commit]);
    expect(await repository.commitsWith("", SIGNAL)).toHaveLength(2);
  });

  it("of history does not get a commit that nothing reaches by being asked for it", async () => {
    await origin.configure("uploadpack.allowFilter", "true");
    await origin.configure("uploadpack.allowAnySHA1InWant", "true");
    await origin.commit({ text: "1" });
    await origin.git("checkout", "--quiet", "-b", "offer");
    const offered = await origin.commit({ text: "2" });
    await origin.publish();
    await origin.git("checkout", "--quiet", "main");
    await origin.git("branch", "--delete", "--force", "offer");
    await origin.publish();
    await repository.fetchHistory(SIGNAL);
    expect(await repository.commitsWith(offered, SIGNAL)).toEqual([]);
    expect(await countObjects("history.git")).toBe(1);
    expect(await repository.fetchCommit(offered, SIGNAL)).toBe(true);
    expect(await repository.commitsWith(offered, SIGNAL)).toEqual([]);
  });

  it("takes a commit of a repository that has no history itself", async () => {
    await origin.commit({ text: "1" });
    const tip = await origin.commit({ text: "2" });
    await origin.publish();
    const shallow = join(folder.path, "shallow.git");
    await mustRun(["git", "clone", "--quiet", "--bare", "--depth=1", `file://${origin.published}`, shallow]);
    const git = new GitCommand({ url: shallow }, GitCache.homeIn(kept), testRunner());
    const other = new GitRepository(new GitCache(kept, git));
    await other.fetchHistory(SIGNAL);
    expect(await other.commitsWith("", SIGNAL)).toEqual([tip]);
  });
});
