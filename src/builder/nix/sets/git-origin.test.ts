import { afterEach, beforeEach, describe, expect, it, setDefaultTimeout } from "bun:test";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../../test/support/command.ts";
import { eventually } from "../../../../test/support/eventually.ts";
import { GitDaemon, HAS_GIT, serveGitByHttp, TestRepository } from "../../../../test/support/git.ts";
import { HAS_NIX, makeRemovable } from "../../../../test/support/nix.ts";
import { openNixStore, testRunner } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { CommandRunner } from "../../process/command-runner.ts";
import { FolderOrigin } from "./folder-origin.ts";
import { GitOrigin, type GitOriginOptions } from "./git-origin.ts";

setDefaultTimeout(120_000);

const SIGNAL = new AbortController().signal;
const UNKNOWN = "manifest-unknown";

/** The commit that a tag means, or the fault and message. */
async function find(origin: GitOrigin, tag: string): Promise<string> {
  try {
    const { id, lock, pinned } = await origin.find(tag, SIGNAL);
    expect(lock.revision).toBe(id);
    expect(pinned).toBe(/^[0-9a-f]{40}$/.test(tag));
    return id;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return error.fault;
  }
}

async function failureOf(promise: Promise<unknown>): Promise<RegistryError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof RegistryError) return error;
  throw new Error(`not a registry error: ${error}`);
}

/** Two commits whose hashes begin with the same seven digits, as the texts of git's objects. */
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
  let folder: TemporaryFolder;
  let repository: TestRepository;
  let stateFolder: string;
  let states = 0;

  beforeEach(async () => {
    folder = await temporaryFolder("git-origin");
    repository = await TestRepository.create(folder.path, "trunk");
    stateFolder = join(folder.path, "state");
  });
  afterEach(async () => {
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  /** An origin with nothing in its cache. */
  function open(url: string, options: Partial<GitOriginOptions> = {}, runner = testRunner()): GitOrigin {
    states += 1;
    const state = join(stateFolder, String(states));
    return new GitOrigin({ url, revisions: "reachable", stateFolder: state, ...options }, runner);
  }

  /** A runner that finds a shell script of this name before anything else. */
  async function withProgram(name: string, script: string): Promise<CommandRunner> {
    const programs = join(folder.path, "programs");
    await mkdir(programs);
    await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(programs, name), 0o755);
    return testRunner({ ...process.env, PATH: `${programs}:${process.env.PATH}` });
  }

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
      expect(await find(origin, "latest")).toBe(first);
      const second = await repository.commit({ "default.nix": "2" });
      await repository.publish();
      expect(await find(origin, "latest")).toBe(second);
      expect(await find(origin, "trunk")).toBe(second);
      expect(await find(origin, "master")).toBe(first);
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
      const found = await Promise.all(tags.map((tag) => find(origin, tag)));
      expect(found).toEqual([two, one, two, one, one, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]);
    });

    it("a commit may be full or short", async () => {
      const one = await repository.commit({ text: "1" });
      const two = await repository.commit({ text: "2" });
      await repository.publish();
      const [origin, narrow] = [open(url), open(url, { revisions: "refs" })];
      for (const digits of [7, 12, 39, 40]) {
        expect(await find(origin, one.slice(0, digits))).toBe(one);
        expect(await find(origin, two.slice(0, digits))).toBe(two);
        expect(await find(narrow, one.slice(0, digits))).toBe(UNKNOWN);
        expect(await find(narrow, two.slice(0, digits))).toBe(two);
      }
      expect(await find(origin, one.slice(0, 6))).toBe(UNKNOWN);
      expect(await find(origin, "0".repeat(40))).toBe(UNKNOWN);
      expect(await find(origin, "0".repeat(12))).toBe(UNKNOWN);
    });

    it("a branch is found before a commit that begins like it", async () => {
      const one = await repository.commit({ text: "1" });
      const two = await repository.commit({ text: "2" });
      await repository.git("branch", one.slice(0, 10));
      await repository.publish();
      expect(await find(open(url), one.slice(0, 10))).toBe(two);
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
      // Twice, because looking for a commit must not fetch it.
      for (const tag of [offered, offered.slice(0, 12), offered, offered.slice(0, 12)]) {
        expect(await find(origin, tag)).toBe(UNKNOWN);
        expect(await find(narrow, tag)).toBe(UNKNOWN);
      }
      const lenient = open(url, { revisions: "any" });
      expect(await find(lenient, offered)).toBe(offered);
      expect(await find(lenient, "0".repeat(40))).toBe(UNKNOWN);
    });

    it("a commit that was reached is refused once nothing reaches it and the history was fetched again", async () => {
      await repository.commit({ text: "1" });
      await repository.git("checkout", "--quiet", "-b", "brief");
      const brief = await repository.commit({ text: "brief" });
      await repository.commit({ text: "more" });
      await repository.publish();
      const origin = open(url);
      expect(await find(origin, brief)).toBe(brief);
      await repository.git("checkout", "--quiet", "trunk");
      await repository.git("branch", "--delete", "--force", "brief");
      await repository.publish();
      expect(await find(origin, brief.slice(0, 12))).toBe(UNKNOWN);
      expect(await find(origin, brief)).toBe(UNKNOWN);
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
        expect([tag, await find(origin, tag)]).toEqual([tag, UNKNOWN]);
      }
      expect(await Bun.file(mark).exists()).toBe(false);
      expect(await find(origin, "trunk")).toBe(commit);
    });

    it("tags of folders and files do no harm", async () => {
      const one = await repository.commit({ "sub/text": "1" });
      const two = await repository.commit({ "sub/text": "2" });
      await repository.git("tag", "--annotate", "--message", "x", "folder", "HEAD:sub");
      await repository.git("tag", "file", "HEAD~1:sub/text");
      await repository.publish();
      await repository.configure("uploadpack.allowFilter", "true");
      const origin = open(url);
      expect(await find(origin, one)).toBe(one);
      expect(await find(origin, two.slice(0, 20))).toBe(two);
      const tree = await repository.git("rev-parse", "HEAD:sub");
      expect(await find(origin, tree.slice(0, 20))).toBe(UNKNOWN);
    });

    it("many callers at once find the same", async () => {
      const one = await repository.commit({ text: "1" });
      const two = await repository.commit({ text: "2" });
      await repository.publish();
      const origin = open(url);
      const tags = [one, one.slice(0, 9), "latest", "trunk", two, two.slice(0, 9), one, two];
      const found = await Promise.all(tags.map((tag) => find(origin, tag)));
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
      expect(await find(origin, hashes[0] ?? "")).toBe(hashes[0] ?? "none");
    }
  });

  it("what a killed git left is removed", async () => {
    const commit = await repository.commit({ text: "1" });
    await repository.publish();
    const state = join(folder.path, "left");
    const origin = open(repository.published, { stateFolder: state, revisions: "any" });
    expect(await find(origin, commit)).toBe(commit);
    const [cache = ""] = await readdir(state);
    await writeFile(join(state, cache, "files.git/shallow.lock"), "");
    const next = await repository.commit({ text: "2" });
    await repository.publish();
    expect(await find(origin, next)).toBe(next);
  });

  it("a repository without commits has no revision", async () => {
    expect(await find(open(repository.published), "latest")).toBe(UNKNOWN);
    expect(await find(open(repository.published), "0".repeat(40))).toBe(UNKNOWN);
  });

  describe("failures", () => {
    it("of a server that is down say so, but of commits that are known nothing", async () => {
      const first = await repository.commit({ text: "1" });
      await repository.commit({ text: "2" });
      await repository.publish();
      const daemon = await GitDaemon.start(folder.path);
      const origin = open(`${daemon.address}/published.git`);
      expect(await find(origin, first)).toBe(first);
      await daemon[Symbol.asyncDispose]();
      const failure = await failureOf(origin.find("trunk", SIGNAL));
      expect(failure.fault).toBe("build-unavailable");
      expect(failure.message).toContain(`${daemon.address}/published.git cannot be read`);
      expect(failure.message).toContain("Connection refused");
      expect(failure.message).not.toContain(folder.path);
      expect(await find(origin, first)).toBe(first);
    });

    it("of a folder that is none name no path", async () => {
      const failure = await failureOf(open(join(folder.path, "nothing")).find("latest", SIGNAL));
      expect(failure).toMatchObject({ fault: "build-unavailable" });
      expect(failure.message).toContain("the git repository on this host cannot be read");
      expect(failure.message).not.toContain(folder.path);
    });

    it("of a missing git name it", async () => {
      const runner = testRunner({ PATH: folder.path });
      const failure = await failureOf(open(repository.published, {}, runner).find("latest", SIGNAL));
      expect(failure).toMatchObject({
        fault: "build-unavailable",
        message: "git is not installed on this host",
      });
    });

    it("of an address that would run a program are all that it does", async () => {
      const mark = join(folder.path, "mark");
      const failure = await failureOf(open(`ext::sh -c touch% ${mark}`).find("latest", SIGNAL));
      expect(failure.fault).toBe("build-unavailable");
      expect(await Bun.file(mark).exists()).toBe(false);
    });

    it("end at once when nobody waits any more", async () => {
      const connected = Promise.withResolvers<void>();
      const silent = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: { open: () => connected.resolve(), data() {} },
      });
      const abort = new AbortController();
      const finding = open(`git://127.0.0.1:${silent.port}/x.git`).find("latest", abort.signal);
      finding.catch(() => {});
      await connected.promise;
      abort.abort(new Error("nobody waits"));
      await expect(finding).rejects.toThrow("nobody waits");
      silent.stop(true);
    });
  });

  it("the configuration of users and of folders above is not read", async () => {
    const commit = await repository.commit({ text: "1" });
    await repository.publish();
    const hostile = `[url "file:///nowhere/"]\n\tinsteadOf = git://\n[core]\n\tsshCommand = false\n`;
    const home = join(folder.path, "home");
    await mkdir(home);
    await writeFile(join(home, ".gitconfig"), `${hostile}[[[\n`);
    await mkdir(stateFolder);
    await mustRun(["git", "init", "--quiet", stateFolder]);
    await writeFile(join(stateFolder, ".git/config"), hostile);
    await using daemon = await GitDaemon.start(folder.path);
    const runner = testRunner({ PATH: process.env.PATH, HOME: home });
    expect(await find(open(`${daemon.address}/published.git`, {}, runner), commit)).toBe(commit);
  });

  describe("private repositories", () => {
    /** A runner whose ssh runs `note`, and then the command for the other host here. */
    async function withSsh(note: string): Promise<CommandRunner> {
      // Most hosts do not take the variable that asks for git's newer protocol.
      return await withProgram(
        "ssh",
        `unset GIT_PROTOCOL\n${note}\nfor last; do :; done\nexec sh -c "$last"`,
      );
    }

    it("are read by ssh with the key and the hosts of the settings", async () => {
      const commit = await repository.commit({ text: "1" });
      await repository.publish();
      const log = join(folder.path, "arguments");
      const runner = await withSsh(`printf '%s\\n' "$@" > '${log}'`);
      const options = { sshKeyFile: "/keys/it's $(id) 100%", knownHostsFile: "/keys/known hosts" };
      const origin = open(`ssh://deploy@git.example.org:2222${repository.published}`, options, runner);
      const { lock } = await origin.find("latest", SIGNAL);
      expect(lock).toEqual({
        kind: "git",
        url: `ssh://git.example.org:2222${repository.published}`,
        revision: commit,
      });
      const given = (await Bun.file(log).text()).split("\n");
      const settings = given.flatMap((word, index) => (given[index - 1] === "-o" ? [word] : []));
      for (const setting of [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ConnectTimeout=10",
        "IdentitiesOnly=yes",
        `IdentityFile="/keys/it's $(id) 100%%"`,
        'UserKnownHostsFile="/keys/known hosts"',
      ]) {
        expect(settings).toContain(setting);
      }
      expect(given.slice(0, 2)).toEqual(["-F", "/dev/null"]);
      expect(given).toContain("deploy@git.example.org");
    });

    it("are read by ssh's own form of address", async () => {
      const commit = await repository.commit({ text: "1" });
      await repository.publish();
      const runner = await withSsh(":");
      const origin = open(`deploy@git.example.org:${repository.published}`, {}, runner);
      const { lock } = await origin.find("latest", SIGNAL);
      expect(lock.url).toBe(`git.example.org:${repository.published}`);
      expect(lock.revision).toBe(commit);
    });

    describeWith("by ssh, in a store", HAS_NIX, "nix is not installed", () => {
      it("give any commit that a branch reaches, by git's older protocol too", async () => {
        const first = await repository.commit({ text: "1" });
        await repository.commit({ text: "2" });
        await repository.publish();
        const runner = await withSsh(":");
        const store = openNixStore(join(folder.path, "nix"));
        for (const revisions of ["reachable", "any"] as const) {
          const origin = open(`ssh://git.example.org${repository.published}`, { revisions }, runner);
          const path = await origin.place(await origin.find(first, SIGNAL), store, SIGNAL);
          expect(await Bun.file(join(store.folders.fileOf(path), "text")).text()).toBe("1");
        }
      });
    });

    it("are read with credentials of a file, which nothing shows", async () => {
      const commit = await repository.commit({ text: "1" });
      await repository.commit({ text: "2" });
      await repository.publish();
      const server = serveGitByHttp(folder.path, "deploy:s3cret");
      const credentialsFile = join(folder.path, "it's credentials");
      await writeFile(credentialsFile, `http://deploy:s3cret@127.0.0.1:${server.port}\n`);
      const url = `http://127.0.0.1:${server.port}/published.git`;
      const origin = open(url, { credentialsFile });
      expect(await find(origin, commit)).toBe(commit);
      expect(JSON.stringify([origin.id, await origin.find("latest", SIGNAL)])).not.toMatch(/deploy|s3cret/);
      const refused = await failureOf(open(url).find("latest", SIGNAL));
      expect(refused.fault).toBe("build-unavailable");
      await server.stop(true);
    });

    it("are read with credentials of the address, which nothing shows", async () => {
      const commit = await repository.commit({ text: "1" });
      await repository.publish();
      const server = serveGitByHttp(folder.path, "deploy:s3cret");
      const withPassword = (password: string, runner = testRunner()) =>
        open(`http://deploy:${password}@127.0.0.1:${server.port}/published.git`, {}, runner);
      const logged: string[] = [];
      const origin = withPassword(
        "s3cret",
        testRunner(process.env, (line) => logged.push(line)),
      );
      const revision = await origin.find("latest", SIGNAL);
      expect(revision.id).toBe(commit);
      expect(logged.length).toBeGreaterThan(0);
      expect(JSON.stringify([origin.id, revision, logged])).not.toMatch(/deploy|s3cret/);
      const refused = await failureOf(withPassword("wr0ng").find("latest", SIGNAL));
      expect(refused.fault).toBe("build-unavailable");
      expect(`${refused.message} ${refused.stack} ${refused.cause}`).not.toMatch(/deploy|wr0ng/);
      await server.stop(true);
      const down = await failureOf(origin.find("latest", SIGNAL));
      expect(`${down.message} ${down.stack} ${down.cause}`).not.toMatch(/deploy|s3cret/);
    });
  });

  describeWith("in a store", HAS_NIX, "nix is not installed", () => {
    it("are the files of the commit, as a folder with them would be", async () => {
      const first = await repository.commit({ "default.nix": "{ }", "sub/a b": "1" });
      await repository.commit({ "default.nix": "{ x = 1; }" });
      await repository.publish();
      const store = openNixStore(join(folder.path, "nix"));
      await using daemon = await GitDaemon.start(folder.path);
      for (const url of [`${daemon.address}/published.git`, repository.published]) {
        const origin = open(url, { stateFolder: join(folder.path, "cache") });
        const old = await origin.place(await origin.find(first, SIGNAL), store, SIGNAL);
        const now = await origin.place(await origin.find("latest", SIGNAL), store, SIGNAL);
        const copy = join(folder.path, "copy");
        await mustRun(["mkdir", "-p", copy]);
        await mustRun([
          "sh",
          "-c",
          `git --git-dir ${repository.published} archive trunk | tar -x -C ${copy}`,
        ]);
        const same = new FolderOrigin(copy);
        expect(await same.place(await same.find("latest", SIGNAL), store, SIGNAL)).toBe(now);
        expect(await Bun.file(join(store.folders.fileOf(old), "sub/a b")).text()).toBe("1");
        expect(await Bun.file(join(store.folders.fileOf(now), "default.nix")).text()).toBe("{ x = 1; }");
        expect(now).toEndWith("-source");
      }
    });

    it("are placed by many at once, and leave no scratch folder", async () => {
      const commits: string[] = [];
      for (const text of ["1", "2", "3"]) commits.push(await repository.commit({ text }));
      await repository.publish();
      const store = openNixStore(join(folder.path, "nix"));
      const origin = open(repository.published);
      const placed = await Promise.all(
        [...commits, ...commits].map(async (commit) =>
          origin.place(await origin.find(commit, SIGNAL), store, SIGNAL),
        ),
      );
      expect(placed.slice(0, 3)).toEqual(placed.slice(3));
      expect(new Set(placed).size).toBe(3);
      await expectNoScratch();
    });

    it("that are gone from the server cannot be placed, and leave no scratch folder", async () => {
      await repository.commit({ text: "1" });
      await repository.publish();
      const origin = open(repository.published);
      const store = openNixStore(join(folder.path, "nix"));
      const revision = { id: "0".repeat(40), lock: {}, pinned: false };
      const failure = await failureOf(origin.place(revision, store, SIGNAL));
      expect(failure.fault).toBe("build-unavailable");
      await expectNoScratch();
    });

    it("leave no scratch folder when nobody waits any more", async () => {
      await repository.commit({ text: "1" });
      await repository.publish();
      const mark = join(folder.path, "mark");
      const runner = await withProgram("tar", `touch '${mark}'\nsleep 600`);
      const origin = open(repository.published, {}, runner);
      const revision = await origin.find("latest", SIGNAL);
      const abort = new AbortController();
      const placing = origin.place(revision, openNixStore(join(folder.path, "nix")), abort.signal);
      placing.catch(() => {});
      await eventually(() => Bun.file(mark).exists());
      abort.abort(new Error("nobody waits"));
      await expect(placing).rejects.toThrow("nobody waits");
      await expectNoScratch();
    });

    async function expectNoScratch(): Promise<void> {
      const left = await Array.fromAsync(
        new Bun.Glob("*/git-*/scratch/*").scan({ cwd: stateFolder, onlyFiles: false }),
      );
      expect(left).toEqual([]);
    }
  });
});
