import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../test/support/command.ts";
import { findProgram } from "../../../test/support/find-program.ts";
import { CAN_BE_NOBODY, NOBODY_NEEDS, ReadableCheckout } from "../../../test/support/readable-checkout.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { haveEnded } from "../../../test/support/running-processes.ts";
import { programsArchive, sandboxProblem } from "../../../test/support/sandbox-tree.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { descendantsOf } from "../process/descendants.ts";
import { NamespaceSandbox } from "./namespace-sandbox.ts";

setDefaultTimeout(120_000);

const PROGRAM = Bun.fileURLToPath(
  new URL("../../../test/support/programs/sandbox-stage.ts", import.meta.url),
);
/** The number of the system call. */
const PRCTL = process.arch === "arm64" ? 167 : 157;
const PROBLEM = await sandboxProblem();

describeWith("a server with a sandbox", PROBLEM === undefined, PROBLEM ?? "", () => {
  let temporary: TemporaryFolder;
  let tar: string;

  beforeAll(async () => {
    temporary = await temporaryFolder("sandbox-server");
    tar = join(temporary.path, "programs.tar");
    await writeFile(tar, await programsArchive(join(temporary.path, "copied")));
  });
  afterAll(() => temporary[Symbol.asyncDispose]());

  /** A new folder that belongs to `owner`, and can be reached by everybody. */
  const newFolder = (name: string, owner: number) => {
    chmodSync(temporary.path, 0o755);
    const folder = join(temporary.path, name);
    mkdirSync(folder, { mode: 0o700 });
    chownSync(folder, owner, owner);
    return folder;
  };

  it("takes it along when it is killed", async () => {
    const folder = newFolder("killed", process.getuid?.() ?? 0);
    const script = "sleep 1000 & (trap '' TERM HUP; sleep 1000) & echo started; sleep 1000";
    const server = Bun.spawn([process.execPath, PROGRAM, folder, tar, script], { stdout: "pipe" });
    for await (const _ of server.stdout) break;
    const started = await descendantsOf(server.pid);
    // setpriv became unshare; its program; unshare again; the shell; and at least two of what the shell starts.
    expect(started.length).toBeGreaterThanOrEqual(5);
    server.kill("SIGKILL");
    await haveEnded(started);
    await new NamespaceSandbox({ find: findProgram, folder }).remove(join(folder, "programs"));
  });

  describeWith("that an ordinary user runs", CAN_BE_NOBODY, NOBODY_NEEDS, () => {
    let checkout: ReadableCheckout;
    beforeAll(async () => {
      checkout = await ReadableCheckout.create(temporary.path);
    });

    it("makes the same changes as root's", async () => {
      const script = `echo 1 >/data/one; rm /data/two; mkdir /data/d; chown 33:44 /data/d; echo s >/data/d/s
        chmod 4755 /data/d/s; perl -e '$) = "7 7"; $> = 9; open F, ">/tmp/f"; print((stat F)[4], "\\n")'; id -u; id -g`;
      const parameters = (folder: string) => [folder, tar, script];
      const asUser = await mustRun(
        checkout.command(["test/support/programs/sandbox-stage.ts", ...parameters(checkout.folder("user"))]),
      );
      const asRoot = await mustRun([process.execPath, PROGRAM, ...parameters(newFolder("root", 0))]);
      expect(asRoot).toStartWith("9\n0\n0\n");
      expect(asRoot).toContain('"path":"data/d/s"');
      expect(asUser).toBe(asRoot);
    });

    it("stops a command that takes too much memory, also from processes of other users that hide", async () => {
      // 4 is PR_SET_DUMPABLE.
      const script = `perl -e 'for (1 .. 6) { if (!fork) { $) = "7 7"; $> = 9; syscall(${PRCTL}, 4, 0, 0, 0, 0);
        my $x = "x" x (100 << 20); sleep 1000 while 1 } } sleep 1000 while 1'`;
      const parameters = [checkout.folder("memory"), tar, script, String(512 << 20)];
      const told = await mustRun(checkout.command(["test/support/programs/sandbox-stage.ts", ...parameters]));
      expect(told).toBe('{"end":{"how":"too-much-memory"},"changes":[]}\n');
    });

    it("says what is missing without subordinate ids", async () => {
      const support = join(temporary.path, "view/test/support/sandbox-tree.ts");
      const source = `import { sandboxProblem } from ${JSON.stringify(support)};
        console.log(await sandboxProblem())`;
      const told = await mustRun(checkout.command(["-e", source], { hasIds: false }));
      expect(told).toBe(
        "needs 65535 subordinate user and group ids for nobody (usermod --add-subuids, --add-subgids)\n",
      );
    });
  });
});
