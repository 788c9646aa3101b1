import { afterEach, beforeEach, describe, expect, it, setDefaultTimeout } from "bun:test";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GitDaemon, HAS_GIT, type TestRepository } from "../../../../test/support/git.ts";
import { failureOf, findCommit, GitOrigins, SIGNAL } from "../../../../test/support/git-origins.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import type { TemporaryFolder } from "../../../../test/support/temporary-folder.ts";

setDefaultTimeout(120_000);

const UNKNOWN = "manifest-unknown";

/** The object texts of two commits whose hashes begin with the same seven digits. */
function similarCommits(tree: string): readonly [string, string] {
  const seen = new Map<string, string>();
  for (let number = 0; ; number += 1) {
    const person = "Tester <tester@example.org> 1000000000 +0000";
    const text = `tree ${tree}\nauthor ${person}\ncommitter ${person}\n\n${number}\n`;
    const hash = new Bun.CryptoHasher("sha1")
      .update(`commit ${text.length}\0${text}`)
      .digest("hex")
      .slice(0, 7);
    const similar = seen.get(hash);
    if (similar !== undefined) return [similar, text];
    seen.set(hash, text);
  }
}

describeWith("package sets in git repositories", HAS_GIT, "git is not installed", () => {
  let origins: GitOrigins;
  let folder: TemporaryFolder;
  let repository: TestRepository;

  beforeEach(async () => {
    origins = await GitOrigins.create();
    ({ folder, repository } = origins);
  });
  afterEach(() => origins[Symbol.asyncDispose]());

  const open = (...parameters: Parameters<GitOrigins["open"]>) => origins.open(...parameters);

  describe.each(["git's own protocol", "a path", "a file URL"])("by %s", (way) => {
    let daemon: GitDaemon | undefined;
    let url: string;

    beforeEach(async () => {
      const { published } = repository;
      daemon = way.startsWith("git") ? await GitDaemon.start(folder.path) : undefined;
      if (daemon === undefined) url = way === "a path" ? published : `file://${published}`;
      else url = `${daemon.address}/published.git`;
    });
    afterEach(async () => await daemon?.[Symbol.asyncDispose]());

    it("latest is the default branch, and follows it", async () => {
      const first = await repository.commit({ "default.nix": "1" });
      await repository.git("branch", "master");
      await repository.publish();
      const origin = open(url);
      expect(await findCommit(origin, "latest")).toBe(first);
      const second = await repository.commit({ "default.nix": "2" });
      await repository.publish();
      expect(await findCommit(origin, "latest")).toBe(second);
      expect(await findCommit(origin, "trunk")).toBe(second);
      expect(await findCommit(origin, "master")).toBe(first);
    });

    it("a name is a branch, else a tag, else either with slashes", async () => {
      const one = await repository.commit({ text: "1" });
      await repository.git("tag", "both");
      await repository.git("tag", "--annotate", "--message", "x", "annotated");
      await repository.git("tag", "v1/rc");
      await repository.git("branch", "under__score");
      const two = await repository.commit({ text: "2" });
      await repository.git("branch", "both");
      await repository.git("branch", "feature/x");
      await repository.git("branch", "under/score");
      await repository.git("branch", "inside/refs/heads/short");
      await repository.publish();
      const origin = open(url);
      const tags = [
        "both",
        "annotated",
        "feature__x",
        "v1__rc",
        "under__score",
        "short",
        "feature",
        "x",
        "__x",
      ];
      const found = await Promise.all(tags.map((tag) => findCommit(origin, tag)));
      expect(found).toEqual([two, one, two, one, one, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]);
    });

    it("a commit may be full or short", async () => {
      const one = await repository.commit({ text: "1" });
      const two = await repository.commit({ text: "2" });
      await repository.publish();
      const [origin, narrow] = [open(url), open(url, { revisions: "refs" })];
      for (const digits of [7, 12, 39, 40]) {
        expect(await findCommit(origin, one.slice(0, digits))).toBe(one);
        expect(await findCommit(origin, two.slice(0, digits))).toBe(two);
        expect(await findCommit(narrow, one.slice(0, digits))).toBe(UNKNOWN);
        expect(await findCommit(narrow, two.slice(0, digits))).toBe(two);
      }
      expect(await findCommit(origin, one.slice(0, 6))).toBe(UNKNOWN);
      expect(await findCommit(origin, "0".repeat(40))).toBe(UNKNOWN);
      expect(await findCommit(origin, "0".repeat(12))).toBe(UNKNOWN);
    });

    it("a branch is found before a commit that begins like it", async () => {
      const one = await repository.commit({ text: "1" });
      const two = await repository.commit({ text: "2" });
      await repository.git("branch", one.slice(0, 10));
      await repository.publish();
      expect(await findCommit(open(url), one.slice(0, 10))).toBe(two);
    });

    it("a commit that nothing reaches is refused, unless any will do", async () => {
      await repository.commit({ text: "1" });
      await repository.git("checkout", "--quiet", "-b", "offer");
      const offered = await repository.commit({ text: "offered" });
      await repository.publish();
      await repository.git("checkout", "--quiet", "trunk");
      await repository.git("branch", "--delete", "--force", "offer");
      await repository.publish();
      await repository.configure("uploadpack.allowAnySHA1InWant", "true");
      await repository.configure("uploadpack.allowFilter", "true");
      const [origin, narrow] = [open(url), open(url, { revisions: "refs" })];
      // Tried twice, because a search for a commit must not fetch it.
      for (const tag of [offered, offered.slice(0, 12), offered, offered.slice(0, 12)]) {
        expect(await findCommit(origin, tag)).toBe(UNKNOWN);
        expect(await findCommit(narrow, tag)).toBe(UNKNOWN);
      }
      const lenient = open(url, { revisions: "any" });
      expect(await findCommit(lenient, offered)).toBe(offered);
      expect(await findCommit(lenient, "0".repeat(40))).toBe(UNKNOWN);
    });

    it("a commit that was reached is refused once nothing reaches it and the history was fetched again", async () => {
      await repository.commit({ text: "1" });
      await repository.git("checkout", "--quiet", "-b", "brief");
      const brief = await repository.commit({ text: "brief" });
      await repository.commit({ text: "more" });
      await repository.publish();
      const origin = open(url);
      expect(await findCommit(origin, brief)).toBe(brief);
      await repository.git("checkout", "--quiet", "trunk");
      await repository.git("branch", "--delete", "--force", "brief");
      await repository.publish();
      expect(await findCommit(origin, brief.slice(0, 12))).toBe(UNKNOWN);
      expect(await findCommit(origin, brief)).toBe(UNKNOWN);
    });

    it("a tag never is anything but a name", async () => {
      const commit = await repository.commit({ text: "1" });
      await repository.git("tag", "--annotate", "--message", "x", "annotated");
      await repository.publish();
      const origin = open(url);
      const mark = join(folder.path, "mark");
      for (const tag of [
        `--upload-pack=touch ${mark}`,
        "--help",
        `$(touch ${mark})`,
        `;touch ${mark}`,
        "HEAD",
        "trunk^{}",
        "annotated^{}",
        "tr*",
        "trunk~0",
        "refs/heads/trunk",
        "..",
        "",
        "trunk\nrefs/heads/trunk",
      ]) {
        expect([tag, await findCommit(origin, tag)]).toEqual([tag, UNKNOWN]);
      }
      expect(await Bun.file(mark).exists()).toBe(false);
      expect(await findCommit(origin, "trunk")).toBe(commit);
    });

    it("tags of folders and files do no harm", async () => {
      const one = await repository.commit({ "sub/text": "1" });
      const two = await repository.commit({ "sub/text": "2" });
      await repository.git("tag", "--annotate", "--message", "x", "folder", "HEAD:sub");
      await repository.git("tag", "file", "HEAD~1:sub/text");
      await repository.publish();
      await repository.configure("uploadpack.allowFilter", "true");
      const origin = open(url);
      expect(await findCommit(origin, one)).toBe(one);
      expect(await findCommit(origin, two.slice(0, 20))).toBe(two);
      const tree = await repository.git("rev-parse", "HEAD:sub");
      expect(await findCommit(origin, tree.slice(0, 20))).toBe(UNKNOWN);
    });

    it("many callers at once find the same", async () => {
      const one = await repository.commit({ text: "1" });
      const two = await repository.commit({ text: "2" });
      await repository.publish();
      const origin = open(url);
      const tags = [one, one.slice(0, 9), "latest", "trunk", two, two.slice(0, 9), one, two];
      const found = await Promise.all(tags.map((tag) => findCommit(origin, tag)));
      expect(found).toEqual([one, one, two, two, two, two, one, two]);
    });
  });

  it("a short commit that means several is refused", async () => {
    await repository.commit({ text: "1" });
    const [one, other] = similarCommits(await repository.git("rev-parse", "HEAD^{tree}"));
    const hashes: string[] = [];
    for (const [name, text] of [
      ["one", one],
      ["other", other],
    ] as const) {
      const file = join(folder.path, name);
      await writeFile(file, text);
      const hash = await repository.git("hash-object", "-t", "commit", "-w", file);
      await repository.git("branch", name, hash);
      hashes.push(hash);
    }
    await repository.publish();
    const prefix = hashes[0]?.slice(0, 7) ?? "";
    for (const revisions of ["refs", "reachable"] as const) {
      const origin = open(repository.published, { revisions });
      const failure = await failureOf(origin.find(prefix, SIGNAL));
      expect(failure).toMatchObject({ fault: UNKNOWN, message: expect.stringContaining("2 commits") });
      expect(await findCommit(origin, hashes[0] ?? "")).toBe(hashes[0] ?? "none");
    }
  });

  it("what a killed git left is removed", async () => {
    const commit = await repository.commit({ text: "1" });
    await repository.publish();
    const state = join(folder.path, "left");
    const origin = open(repository.published, { stateFolder: state, revisions: "any" });
    expect(await findCommit(origin, commit)).toBe(commit);
    const [cache = ""] = await readdir(state);
    await writeFile(join(state, cache, "files.git/shallow.lock"), "");
    const next = await repository.commit({ text: "2" });
    await repository.publish();
    expect(await findCommit(origin, next)).toBe(next);
  });

  it("a repository without commits has no revision", async () => {
    expect(await findCommit(open(repository.published), "latest")).toBe(UNKNOWN);
    expect(await findCommit(open(repository.published), "0".repeat(40))).toBe(UNKNOWN);
  });
});
