import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { run as runProgram } from "../../../test/support/command.ts";
import { findProgram } from "../../../test/support/find-program.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import {
  archiveOfEntries,
  bytesOf,
  type OpenSandbox,
  openSandbox,
  sandboxProblem,
  type TestEntry,
} from "../../../test/support/sandbox-tree.ts";
import { makeLockedFolder } from "../../files/locked-folder.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { NamespaceSandbox } from "./namespace-sandbox.ts";

setDefaultTimeout(120_000);

const PROBLEM = await sandboxProblem();

it("a sandbox says what is missing", async () => {
  const sandbox = new NamespaceSandbox({ find: () => undefined, folder: "/nonexistent/sandbox" });
  expect(await sandbox.available()).toMatchObject({ available: false });
});

describeWith("a sandbox", PROBLEM === undefined, PROBLEM ?? "", () => {
  let opened: OpenSandbox;

  beforeAll(async () => {
    opened = await openSandbox();
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  const unpack = (name: string, entries: readonly TestEntry[]) =>
    opened.unpack(name, archiveOfEntries(entries));

  describe("that unpacks", () => {
    it("keeps owners, modes, times, links, capabilities and names that are not UTF-8", async () => {
      const lower = await unpack("all", [
        { path: "d/", type: "directory", mode: 0o2775, userId: 7, groupId: 8 },
        { path: "d/f", content: "text", mode: 0o4755, userId: 5, groupId: 6 },
        { path: "d/hard", type: "link", linkTarget: "d/f" },
        { path: "d/soft", type: "symlink", linkTarget: "/etc/passwd", userId: 9 },
        { path: "d/\xff\n", content: "odd" },
        { path: "d/pipe", type: "fifo", mode: 0o600 },
        { path: "cap", content: "c", capability: Buffer.from(`0100000200200000${"00".repeat(12)}`, "hex") },
        { path: "made/above/f", content: "" },
      ]);
      const found = await stat(join(lower, "d/f"));
      // Nobody on the host has these ids.
      expect(found.uid).toBeGreaterThan(65_535);
      expect([found.mode & 0o7777, found.nlink, found.mtimeMs]).toEqual([0o4755, 2, 1_000_000]);
      const script = `for my $p (qw(d d/f d/hard d/soft d/pipe made/above cap), "d/\\xff\\n") {
        my @s = lstat "/$p"; printf "%s %o %d:%d %d\\n", $p =~ s/[^a-z\\/]/?/gr, $s[2], @s[4,5], $s[9] }
        my ($v, $f, $a) = ("\\0" x 64, "/cap", "security.capability"); my $n = syscall(191, $f, $a, $v, 64);
        print $n, " ", unpack("H*", substr($v, 0, 8)), "\\n"; print readlink("/d/soft"), "\\n"`;
      const { output } = await opened.perl(script, { above: [lower] });
      expect(output.split("\n").slice(0, 8)).toEqual([
        "d 42775 7:8 1000",
        "d/f 104755 5:6 1000",
        "d/hard 104755 5:6 1000",
        "d/soft 120777 9:0 1000",
        "d/pipe 10600 0:0 1000",
        expect.stringContaining("made/above 40755 0:0"),
        "cap 100644 0:0 1000",
        "d/?? 100644 0:0 1000",
      ]);
      if (process.arch === "x64") expect(output).toContain("20 0100000200200000");
      expect(output).toContain("/etc/passwd");
    });

    it.each<[string, string, readonly TestEntry[]]>([
      [
        "through a link",
        "through a link",
        [{ path: "l", type: "symlink", linkTarget: "/tmp" }, { path: "l/f" }],
      ],
      [
        "through a link in the folder",
        "through a link",
        [{ path: "d/", type: "directory" }, { path: "l", type: "symlink", linkTarget: "d" }, { path: "l/f" }],
      ],
      ["out of the folder", "leads out", [{ path: "a/../../f" }]],
      ["a hard link out of the folder", "links out", [{ path: "f", type: "link", linkTarget: "../x" }]],
      [
        "a hard link through a link",
        "through a link",
        [
          { path: "l", type: "symlink", linkTarget: "/etc" },
          { path: "f", type: "link", linkTarget: "l/passwd" },
        ],
      ],
      ["a device", "is a device", [{ path: "null", type: "character-device" }]],
      ["what is nested too deeply", "too deeply", [{ path: "d/".repeat(300) }]],
    ])("refuses to write %s, and leaves nothing", async (name, message, entries) => {
      await expect(unpack(`refused-${name.replaceAll(" ", "-")}`, entries)).rejects.toThrow(message);
      expect(await Bun.file(join(opened.folder, `refused-${name.replaceAll(" ", "-")}`)).exists()).toBe(
        false,
      );
      const left = await runProgram(["ls", opened.folder]);
      expect(left.stdout).not.toContain("refused");
    });

    it("fails with the error of its source, and for an archive without an end", async () => {
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield archiveOfEntries([{ path: "f", content: "x" }]).subarray(0, 700);
        throw new Error("hung up");
      };
      const { signal } = new AbortController();
      await expect(opened.sandbox.unpack(broken(), join(opened.folder, "broken"), signal)).rejects.toThrow(
        "hung up",
      );
      const short = archiveOfEntries([{ path: "f", content: "x" }]).subarray(0, 700);
      await expect(opened.unpack("short", short)).rejects.toThrow("ends early");
    });

    it("ends at once when nobody waits any more", async () => {
      const abort = new AbortController();
      const silent = async function* (): AsyncGenerator<Uint8Array> {
        yield archiveOfEntries([]).subarray(0, 100);
        abort.abort(new Error("gone"));
        await new Promise(() => {});
      };
      const unpacking = opened.sandbox.unpack(silent(), join(opened.folder, "aborted"), abort.signal);
      await expect(unpacking).rejects.toThrow("gone");
      expect((await runProgram(["ls", opened.folder])).stdout).not.toContain("aborted");
    });

    it("fills more folders than one program takes, some at once, also after a failure", async () => {
      const one = async (number: number) => {
        const lower = await unpack(`one-${number}`, [{ path: "f", content: `${number}` }]);
        expect(await readFile(join(lower, "f"), "utf8")).toBe(`${number}`);
      };
      for (let number = 0; number < 20; number++) await one(number);
      await expect(unpack("refused", [{ path: "null", type: "character-device" }])).rejects.toThrow("device");
      await Promise.all([20, 21, 22].map(one));
    });

    it("removes what a dead server left, and keeps what another one uses", async () => {
      await mkdir(join(opened.folder, "new-abandoned/0"), { recursive: true });
      const used = await makeLockedFolder(opened.folder, "new-");
      await using sandbox = new NamespaceSandbox({ find: findProgram, folder: opened.folder });
      await sandbox.ids();
      const left = await readdir(opened.folder);
      expect([left.includes("new-abandoned"), left.includes(basename(used.path))]).toEqual([false, true]);
      used.lock[Symbol.dispose]();
    });

    it("writes an absolute name below the folder, and lets a later entry replace an earlier one", async () => {
      const lower = await unpack("absolute", [
        { path: "/./etc//f", content: "1" },
        { path: "etc/f", type: "symlink", linkTarget: "/etc/shadow" },
        { path: "etc/f", content: "2" },
      ]);
      const { output } = await opened.shell("cat /etc/f", { above: [lower] });
      expect(output).toBe("2");
    });
  });

  describe("that runs a command", () => {
    it("tells its exit code and signal, and whether it could be executed", async () => {
      expect((await opened.shell("exit 7")).end).toEqual({ how: "exited", exitCode: 7 });
      expect((await opened.run(["/bin/perl", "-e", "$SIG{TERM}='DEFAULT'; exit 3"])).end).toEqual({
        how: "exited",
        exitCode: 3,
      });
      expect((await opened.run(["/no/program"])).end).toEqual({ how: "exited", exitCode: 127 });
      expect((await opened.run(["/data/one"])).end).toEqual({ how: "exited", exitCode: 126 });
    });

    it("gives it its environment, both outputs, an empty input and nothing else", async () => {
      const lines: string[] = [];
      const { output } = await opened.shell(
        "echo $A; echo err >&2; echo to >/dev/stderr; cat; id -u; umask; hostname; ls /proc/self/fd | head -c 8; cat /proc/self/environ | tr '\\0' ' '",
        { environment: { A: "ä", PATH: "/bin" }, onLine: (line) => lines.push(line) },
      );
      expect(lines.slice(0, 6)).toEqual(["ä", "err", "to", "0", "0022", "localhost"]);
      expect(output.startsWith("ä\nerr\nto\n0\n0022\nlocalhost\n")).toBe(true);
    });

    it("keeps the end of its output", async () => {
      const { end, output } = await opened.shell(
        "i=0; while [ $i -lt 9000 ]; do echo 0123456789; i=$((i+1)); done; printf end",
      );
      expect(end).toEqual({ how: "exited", exitCode: 0 });
      expect(output.length).toBe(64 << 10);
      expect(output.endsWith("0123456789\nend")).toBe(true);
    });

    it("shows it the files that it is given, and neither changes what was there", async () => {
      const files = ["/etc/hosts", "/etc/new", "/tmp/plan", "/new/folder/f"].map((path) => ({
        path,
        bytes: Buffer.from(`${path}!`),
        mode: 0o640,
      }));
      const { output, changes } = await opened.shell(
        "cat /etc/hosts /etc/new /tmp/plan /new/folder/f; echo x 2>/dev/null >/etc/hosts; rm /etc/new 2>/dev/null; stat -c ' %a %u' /etc/new; echo >/etc/made",
        { files },
      );
      expect(output).toBe("/etc/hosts!/etc/new!/tmp/plan!/new/folder/f! 640 0\n");
      expect(changes.map(({ path }) => path)).toEqual(["etc/", "etc/made"]);
      expect((await opened.shell("cat /etc/hosts")).output).toBe("hosts\n");
    });

    it("gives files another name before it starts, and nothing else", async () => {
      const moves = ["/etc/hosts", "/etc", "/none", "/none/x"].map((from) => ({ from, to: `${from}.new` }));
      const { output, changes } = await opened.shell("cat /etc/hosts.new; echo /etc /etc/h*", { moves });
      expect(output).toBe("hosts\n/etc /etc/hosts.new\n");
      expect(changes.map(({ path }) => path)).toEqual(["etc/", "etc/.wh.hosts", "etc/hosts.new"]);
      expect((await opened.shell("mv /etc/hosts.new /etc/hosts", { moves })).changes).toEqual([]);
    });

    it("runs several at once, each with its own changes", async () => {
      const runs = await Promise.all(
        ["a", "b", "c"].map((name) => opened.shell(`echo >/data/${name}; ls /data`)),
      );
      expect(runs.map(({ changes }) => changes.map(({ path }) => path))).toEqual([
        ["data/", "data/a"],
        ["data/", "data/b"],
        ["data/", "data/c"],
      ]);
    });

    it("stops it at its time limit, and when nobody waits any more", async () => {
      const stopped = await opened.shell("echo started; sleep 1000", { limits: { timeoutMs: 3000 } });
      expect(stopped.end).toEqual({ how: "timed-out" });
      const abort = new AbortController();
      const running = opened.shell("echo started; sleep 1000", {
        onLine: () => abort.abort(new Error("gone")),
        signal: abort.signal,
      });
      await expect(running).rejects.toThrow("gone");
    });
  });

  describe("that collects changes", () => {
    it("tells what is new, changed and deleted, and leaves out what is only copied", async () => {
      const { changes, output } = await opened.shell(`
        echo new >/data/new; echo 1 >>/data/one; rm /data/two; rm -r /data/gone; mkdir /data/gone; echo y >/data/gone/y
        chmod 600 /etc/hosts; chmod 644 /etc/hosts; touch /bin/cat; ln -s a /data/soft; mkfifo -m 600 /data/pipe
        mkdir -m 2775 /data/d; chown 12:34 /data/d; echo s >/data/d/s; chmod 4755 /data/d/s; ln /data/d/s /data/z
        rm /data/link; mkdir /data/link; perl -e 'symlink "x", "/data/\\xff\\n"; socket S, 1, 1, 0; bind S, pack("Sa108", 1, "/data/sock") or print $!'`);
      expect(output).toBe("");
      expect(
        changes.map(({ path, type, mode, linkTarget }) => [path, type, mode.toString(8), linkTarget]),
      ).toEqual([
        ["data/", "directory", "755", ""],
        ["data/d/", "directory", "2775", ""],
        ["data/d/s", "file", "4755", ""],
        ["data/gone/", "directory", "755", ""],
        ["data/gone/.wh..wh..opq", "file", "0", ""],
        ["data/gone/y", "file", "644", ""],
        ["data/link/", "directory", "755", ""],
        ["data/new", "file", "644", ""],
        ["data/one", "file", "644", ""],
        ["data/pipe", "fifo", "600", ""],
        ["data/soft", "symlink", "777", "a"],
        ["data/.wh.two", "file", "0", ""],
        ["data/z", "link", "4755", "data/d/s"],
        ["data/\xff\n", "symlink", "777", "x"],
      ]);
      expect(changes.find(({ path }) => path === "data/one")?.content).toBe("one\n1\n");
      expect(changes.find(({ path }) => path === "data/d/")).toMatchObject({ userId: 12, groupId: 34 });
    });

    it("gives a layer that makes the same tree when it is unpacked", async () => {
      const first = await opened.shell(
        "rm /data/two; rm -r /data/gone; mkdir /data/gone; echo y >/data/gone/y; mv /data/one /data/three",
      );
      const layer = await opened.unpack("again", first.tar);
      const list = "cd /data; ls -R; cat three gone/y";
      const again = await opened.shell(`${list}; echo z >gone/z`, { above: [layer] });
      expect(again.output).toBe(".:\ngone\ninner\nlink\nthree\n\n./gone:\ny\n\n./inner:\ndeep\none\ny\n");
      expect(again.changes.map(({ path }) => path)).toEqual(["data/", "data/gone/", "data/gone/z"]);
    });

    it("is the same each time, but for the times", async () => {
      const script =
        "for i in 9 3 5; do mkdir /data/$i; echo $i >/data/$i/f; ln /data/$i/f /data/l$i; done; rm /data/one";
      const [first, second] = [await opened.shell(script), await opened.shell(script)];
      const timeless = ({ changes }: typeof first) => changes.map((entry) => ({ ...entry, modifiedAt: 0 }));
      expect(timeless(first)).toEqual(timeless(second));
      expect(first.changes).toHaveLength(12 - 2 + 1);
    });

    it("gives them again, until a reader stops early", async () => {
      const programs = join(opened.folder, "programs");
      const stage = { lowers: [programs], files: [], environment: {}, limits: DEFAULT_LIMITS };
      const command = ["/bin/sh", "-c", "echo x >/data/x"] as const;
      await using result = await opened.sandbox.run({ ...stage, command }, new AbortController().signal);
      const [first, second] = [await bytesOf(result.changes()), await bytesOf(result.changes())];
      expect(first.byteLength).toBe(3584);
      expect(second).toEqual(first);
      for await (const _ of result.changes()) break;
      await expect(bytesOf(result.changes())).rejects.toThrow("not read to their end");
    });

    it("keeps a capability, in the form that knows no namespace", async () => {
      const value = `0100000200200000${"00".repeat(12)}`;
      const script = `open F, ">/data/cap"; close F; my ($v, $f, $a) = (pack("H*", "${value}"), "/data/cap", "security.capability");
        syscall(${process.arch === "x64" ? 188 : 5}, $f, $a, $v, 20, 0) == 0 or print "failed $!"`;
      const { changes, output } = await opened.run(["/bin/perl", "-e", script]);
      expect(output).toBe("");
      expect(changes.find(({ path }) => path === "data/cap")?.capability?.toHex()).toBe(value);
    });

    it("refuses names that a layer cannot hold, and more than the bound", async () => {
      await expect(opened.shell("echo >/data/.wh.x")).rejects.toThrow("a name that a layer cannot hold");
      const sparse = 'truncate F, 1 << 20 if open F, ">/data/s"';
      await expect(
        opened.run(["/bin/perl", "-e", sparse], { limits: { changesBytes: 1 << 19 } }),
      ).rejects.toThrow("have more than");
    });
  });
});
