import { afterEach, beforeEach, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { mustRun } from "../../../../test/support/command.ts";
import { eventually } from "../../../../test/support/eventually.ts";
import { GitDaemon, HAS_GIT, type TestRepository } from "../../../../test/support/git.ts";
import { failureOf, GitOrigins, SIGNAL } from "../../../../test/support/git-origins.ts";
import { HAS_NIX } from "../../../../test/support/nix.ts";
import { openNixStore } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import type { TemporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { FolderOrigin } from "./folder-origin.ts";

setDefaultTimeout(120_000);

describeWith("revisions of a git repository", HAS_GIT, "git is not installed", () => {
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
