import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { eventually } from "../../../test/support/eventually.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { type OpenSandbox, openSandbox, sandboxProblem } from "../../../test/support/sandbox-tree.ts";

setDefaultTimeout(120_000);

const PROBLEM = await sandboxProblem();
const EXITED = { how: "exited", exitCode: 0 } as const;

/** Numbers of system calls that packages have no reason to make. */
const CALLS = {
  x64: {
    ...{
      unshare: 272,
      ptrace: 101,
      bpf: 321,
      io_uring_setup: 425,
      userfaultfd: 323,
      keyctl: 250,
      add_key: 248,
    },
    ...{ mount: 165, setns: 308, chroot: 161, perf_event_open: 298, open_by_handle_at: 304, open_tree: 428 },
    ...{ process_vm_readv: 310, swapon: 167, reboot: 169, init_module: 175, clock_settime: 227 },
  },
  arm64: {
    ...{
      unshare: 97,
      ptrace: 117,
      bpf: 280,
      io_uring_setup: 425,
      userfaultfd: 282,
      keyctl: 219,
      add_key: 217,
    },
    ...{ mount: 40, setns: 268, chroot: 51, perf_event_open: 241, open_by_handle_at: 265, open_tree: 428 },
    ...{ process_vm_readv: 270, swapon: 224, reboot: 142, init_module: 105, clock_settime: 112 },
  },
}[process.arch as "x64" | "arm64"];

describeWith("a hostile command", PROBLEM === undefined, PROBLEM ?? "", () => {
  let opened: OpenSandbox;

  beforeAll(async () => {
    opened = await openSandbox();
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  /** What a Perl script prints. */
  const printed = async (script: string) => (await opened.perl(script)).output;

  it("reaches no network, and no server on the host's loopback", async () => {
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("secret") });
    const connect = (address: string, port: number) => `
      socket S, 2, 1, 0; print connect(S, pack("SnC4x8", 2, ${port}, split /\\./, "${address}")) ? "yes" : "no ", $!+0, "\\n";`;
    const [refused, unreachable] = [111, 101];
    expect(await printed(connect("127.0.0.1", server.port as number) + connect("192.0.2.1", 80))).toBe(
      `no ${refused}\nno ${unreachable}\n`,
    );
  });

  it("reaches no abstract socket of the host", async () => {
    const name = `slipway-${crypto.randomUUID()}`;
    using server = Bun.listen({ unix: `\0${name}`, socket: { data() {} } });
    void server;
    const script = `socket S, 1, 1, 0; print connect(S, pack("Sa*", 1, "\\0${name}")) ? "yes" : "no ", $!+0`;
    expect(await printed(script)).toBe("no 111");
  });

  it("sees no file of the host", async () => {
    const secret = join(opened.folder, "secret");
    await writeFile(secret, "secret");
    const { output } = await opened.shell(
      `for root in '' /proc/1/root /proc/self/root /proc/1/cwd; do cat $root${secret} 2>/dev/null; done; ls -d /proc/[0-9]* | head -c 0; ls /sys /home 2>/dev/null; cat /proc/self/mountinfo`,
    );
    expect(output).not.toContain("secret");
    expect(output).not.toContain(opened.folder);
    expect(output).toContain("lowerdir=0:skeleton");
  });

  it("sees only its own processes, and cannot change the kernel's settings", async () => {
    const { output } = await opened.shell(`
      [ "$(cat /proc/1/comm)" = sh ] && echo first
      for file in kernel/core_pattern user/max_user_namespaces kernel/hostname vm/overcommit_memory; do
        (echo 1 >/proc/sys/$file) 2>/dev/null && echo "wrote $file"
      done
      (echo b >/proc/sysrq-trigger) 2>/dev/null && echo wrote
      [ -r /proc/kcore ] && cat /proc/kcore 2>/dev/null | head -c 1; true`);
    expect(output.replace(/^.*head.*\n/gm, "")).toBe("first\n");
  });

  it("makes no devices", async () => {
    const { output, changes } = await opened.shell(
      "mknod /data/b b 8 0 || echo no; mknod /data/c c 1 1 || echo no; mknod /tmp/c c 1 1 || echo no",
    );
    expect(output.match(/^no$/gm)).toHaveLength(3);
    expect(changes).toEqual([]);
  });

  it("makes no system call that needs no root, and helps only an attacker", async () => {
    const script = Object.entries(CALLS)
      .map(([name, number]) => `$! = 0; syscall(${number}, 0, 0, 0, 0, 0); print "${name} ", $!+0, "\\n";`)
      .join("");
    expect((await printed(script)).trim().split("\n")).toEqual(Object.keys(CALLS).map((name) => `${name} 1`));
  });

  it("opens no unusual sockets", async () => {
    const families = { packet: 17, vsock: 40, alg: 38, bluetooth: 31 };
    const script = Object.values(families).map((family) => `socket(S, ${family}, 3, 0); print $!+0, "\\n";`);
    expect(await printed(script.join(""))).toBe("97\n".repeat(4));
  });

  it("names no host and sets no clock", async () => {
    const { output } = await opened.shell(
      "hostname evil 2>/dev/null || echo no; date -s 2001-01-01 >/dev/null 2>&1 || echo no; hostname",
    );
    expect(output).toBe("no\nno\nlocalhost\n");
  });

  it("has eight capabilities, and gets no others", async () => {
    const { output } = await opened.shell("cat /proc/self/status");
    for (const set of ["Prm", "Eff", "Bnd"]) expect(output).toContain(`Cap${set}:\t00000000800000fb`);
    for (const set of ["Inh", "Amb"]) expect(output).toContain(`Cap${set}:\t${"0".repeat(16)}`);
    expect(output).toContain("NoNewPrivs:\t1");
    expect(output).toContain("Seccomp:\t2");
    expect(output).toContain("SigIgn:\t0000000000000000");
  });

  it("has no terminal, and three descriptors", async () => {
    const script = `opendir D, "/proc/self/fd"; my @f = sort grep { /\\d/ && readlink("/proc/self/fd/$_") !~ m,^/proc/, } readdir D;
      print "@f\\n"; print open(T, "+<", "/dev/tty") ? "tty" : "no tty"`;
    expect(await printed(script)).toBe("0 1 2\nno tty");
  });

  it("kills only its own processes", async () => {
    const { end } = await opened.perl("fork // die; kill 9, -1; kill 9, 1; exit 0");
    expect(end).toEqual(EXITED);
  });

  it("that forks without end stops at the limit, and leaves nothing", async () => {
    const script = `my $n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 1000 } $n++ } print $n < 64 ? "bounded" : $n`;
    const { end, output } = await opened.perl(script, { limits: { processes: 64 } });
    expect([end, output]).toEqual([EXITED, "bounded"]);
  });

  it("has few process ids for all its users together, where the kernel can limit that, and no other limit elsewhere", async () => {
    const host = readFileSync("/proc/sys/kernel/pid_max", "utf8");
    const { output } = await opened.shell("cat /proc/sys/kernel/pid_max", { limits: { processes: 64 } });
    expect(output).toBe(limitsProcessIds(release()) ? "640\n" : host);
    expect(readFileSync("/proc/sys/kernel/pid_max", "utf8")).toBe(host);
  });

  it("that writes without end is stopped", async () => {
    const { end, output } = await opened.shell("while :; do echo 0123456789; done", {
      limits: { outputBytes: 1 << 20 },
    });
    expect(end).toEqual({ how: "too-much-output" });
    expect(output.length).toBe(64 << 10);
  });

  it("leaves no daemon", async () => {
    const mark = `slipway-daemon-${crypto.randomUUID()}`;
    const script = `if (!fork) { setpgrp; $SIG{$_} = "IGNORE" for keys %SIG; $0 = "${mark}"; close STDOUT; close STDERR; sleep 1000 while 1 }
      $0 = "parent"; select undef, undef, undef, 0.1; exit 0`;
    const { end } = await opened.perl(script);
    expect(end).toEqual(EXITED);
    await eventually(() => !commandLines().includes(mark));
  });

  it("gets no more memory than the limit", async () => {
    const script = `my $x = eval { "x" x (1 << 30) }; print defined $x ? "got it" : "none"`;
    const { output } = await opened.perl(script, { limits: { addressSpaceBytes: 256 << 20 } });
    expect(output).toStartWith("Out of memory");
  });

  it("is stopped when its processes take more memory together than the limit", async () => {
    const limits = { memoryBytes: 512 << 20, addressSpaceBytes: 256 << 20 };
    const script = `for (1 .. 6) { if (!fork) { my $x = "x" x (100 << 20); sleep 1000 while 1 } } sleep 1000 while 1`;
    const { end } = await opened.perl(script, { limits });
    expect(end).toEqual({ how: "too-much-memory" });
  });

  it("may share memory among many processes: that counts once", async () => {
    const limits = { memoryBytes: 512 << 20 };
    const script = `my $x = "x" x (200 << 20); for (1 .. 6) { if (!fork) { select undef, undef, undef, 0.5; exit 0 } } 1 while wait > 0`;
    expect((await opened.perl(script, { limits })).end).toEqual(EXITED);
  });

  it("cannot fill the host's disk or memory with files", async () => {
    const fill = (path: string) => `open F, ">", "${path}"; my $n = 0;
      while (defined(my $w = syswrite F, "x" x 65536)) { last unless $w; $n += $w } print $! == 28 ? "full\\n" : "$!\\n"; close F;`;
    const limits = { upperBytes: 4 << 20, temporaryBytes: 2 << 20, runtimeBytes: 1 << 20 };
    const { output } = await opened.perl(["/data/f", "/tmp/f", "/run/f", "/dev/shm/f"].map(fill).join(""), {
      limits,
    });
    expect(output).toBe("full\n".repeat(4));
    const many = `my $n = 0; while (open F, ">", "/data/$n") { close F; $n++ } print $! == 28 && $n < 200 ? "full" : "$! $n"`;
    expect((await opened.perl(many, { limits: { upperInodes: 200 } })).output).toBe("full");
  });

  it("makes no file larger than the limit, not even one with holes", async () => {
    const script = `$SIG{XFSZ} = "IGNORE"; open F, ">/data/f"; print truncate(F, 4 << 40) ? "made" : $! == 27 ? "too large" : $!`;
    expect(await printed(script)).toBe("too large");
  });

  it("does not lead the collector through links, or into a FIFO", async () => {
    const { changes } = await opened.shell(
      "rm -r /data/inner; ln -s /etc /data/inner; mkfifo /data/fifo; ln -s / /data/root; ln -s /proc/self/fd/0 /data/zero",
    );
    expect(changes.map(({ path, type }) => `${type} ${path}`)).toEqual([
      "directory data/",
      "fifo data/fifo",
      "symlink data/inner",
      "symlink data/root",
      "symlink data/zero",
    ]);
  });
});

/** The command lines of all processes that this one can see. */
function commandLines(): string {
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return processes.map((pid) => readIfThere(`/proc/${pid}/cmdline`)).join("\n");
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The process has ended.
    return "";
  }
}

/** Whether Linux of this release limits process ids in each namespace. */
function limitsProcessIds(text: string): boolean {
  const [major = 0, minor = 0] = text.split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 14);
}
