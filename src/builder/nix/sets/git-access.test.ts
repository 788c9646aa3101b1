import { afterEach, beforeEach, describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../../test/support/command.ts";
import { GitDaemon, HAS_GIT, serveGitByHttp, type TestRepository } from "../../../../test/support/git.ts";
import { failureOf, findCommit, GitOrigins, SIGNAL } from "../../../../test/support/git-origins.ts";
import { HAS_NIX } from "../../../../test/support/nix.ts";
import { openNixStore, testRunner } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import type { TemporaryFolder } from "../../../../test/support/temporary-folder.ts";
import type { CommandRunner } from "../../process/command-runner.ts";

setDefaultTimeout(120_000);

describeWith("access to git repositories", HAS_GIT, "git is not installed", () => {
  let origins: GitOrigins;
  let folder: TemporaryFolder;
  let repository: TestRepository;
  let stateFolder: string;

  beforeEach(async () => {
    origins = await GitOrigins.create();
    ({ folder, repository, stateFolder } = origins);
  });
  afterEach(() => origins[Symbol.asyncDispose]());

  const open = (...parameters: Parameters<GitOrigins["open"]>) => origins.open(...parameters);
  const withProgram = (name: string, script: string) => origins.withProgram(name, script);

  describe("failures", () => {
    it("of a server that is down are reported, but not for known commits", async () => {
      const first = await repository.commit({ text: "1" });
      await repository.commit({ text: "2" });
      await repository.publish();
      const daemon = await GitDaemon.start(folder.path);
      const origin = open(`${daemon.address}/published.git`);
      expect(await findCommit(origin, first)).toBe(first);
      await daemon[Symbol.asyncDispose]();
      const failure = await failureOf(origin.find("trunk", SIGNAL));
      expect(failure.fault).toBe("build-unavailable");
      expect(failure.message).toContain(`${daemon.address}/published.git cannot be read`);
      expect(failure.message).toContain("Connection refused");
      expect(failure.message).not.toContain(folder.path);
      expect(await findCommit(origin, first)).toBe(first);
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

    it("occur for an address that would run a program, and nothing is run", async () => {
      const mark = join(folder.path, "mark");
      const failure = await failureOf(open(`ext::sh -c touch% ${mark}`).find("latest", SIGNAL));
      expect(failure.fault).toBe("build-unavailable");
      expect(await Bun.file(mark).exists()).toBe(false);
    });

    it("end at once when no caller is left", async () => {
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
    expect(await findCommit(open(`${daemon.address}/published.git`, {}, runner), commit)).toBe(commit);
  });

  describe("private repositories", () => {
    /** A runner whose `ssh` runs `note`, and then runs the command for the remote host on this one. */
    async function withSsh(note: string): Promise<CommandRunner> {
      // Most hosts do not accept the variable that selects git's newer protocol.
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
      expect(await findCommit(origin, commit)).toBe(commit);
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
});
