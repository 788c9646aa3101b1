import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { haveEnded } from "../../../test/support/running-processes.ts";
import { createLogger } from "../../log.ts";
import { CommandError, CommandRunner } from "./command-runner.ts";

const TIMEOUT = { timeoutMs: 60_000 };
/** A command that prints the ids of two processes that keep running, the second in the background. */
const STAYING = ["sh", "-c", "sleep 600 & echo $$ $!; sleep 600"];

setDefaultTimeout(60_000);

function runner(environment: Record<string, string> = {}, graceMs = 60_000): CommandRunner {
  return new CommandRunner({
    environment: { PATH: process.env.PATH, ...environment },
    log: createLogger("silent"),
    graceMs,
  });
}

/** Runs a script and stops it after its first line; resolves to all lines that it prints. */
async function linesUntilStopped(runner: CommandRunner, script: string): Promise<readonly string[]> {
  const abort = new AbortController();
  const lines: string[] = [];
  const onLine = (line: string) => {
    lines.push(line);
    abort.abort(new Error("gone"));
  };
  const running = runner.run(["sh", "-c", script], { ...TIMEOUT, signal: abort.signal, onLine });
  await expect(running).rejects.toThrow("gone");
  return lines;
}

describe("a command", () => {
  it("may write more on both outputs than a pipe holds", async () => {
    const script =
      "i=0; while [ $i -lt 20000 ]; do echo 0123456789abcdef; echo 0123456789abcdef >&2; i=$((i+1)); done";
    const { exitCode, stdout, stderr } = await runner().run(["sh", "-c", script], TIMEOUT);
    expect(exitCode).toBe(0);
    expect(stdout.length).toBe(340_000);
    expect(stderr.length).toBe(1 << 18);
  });

  it("keeps the end of what it says about its failure", async () => {
    const script = "yes noise | head -c 600000 >&2; echo the reason >&2; exit 1";
    const { stderr } = await runner().run(["sh", "-c", script], TIMEOUT);
    expect(stderr.length).toBe(1 << 18);
    expect(stderr.slice(-20)).toEndWith("noise\nthe reason\n");
  });

  it("sees the search path, the home folder and the proxies, and nothing else of the environment", async () => {
    const commands = runner({ SECRET: "s", https_proxy: "http://proxy.invalid:1", HOME: "/home/x" });
    const { stdout } = await commands.run(["env"], TIMEOUT);
    const names = stdout
      .split("\n")
      .map((line) => line.split("=")[0])
      .filter((name) => name !== "" && name !== "_");
    expect(names.toSorted()).toEqual(["DEBIAN_FRONTEND", "HOME", "LC_ALL", "PATH", "https_proxy"]);
  });

  it("gets variables of its own besides", async () => {
    const { stdout } = await runner().run(["sh", "-c", "echo $ONLY"], {
      ...TIMEOUT,
      environment: { ONLY: "here" },
    });
    expect(stdout).toBe("here\n");
  });

  it("that is stopped may exit cleanly", async () => {
    const script = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    expect(await linesUntilStopped(runner(), script)).toEqual(["ready", "tidy"]);
  });

  it("that is stopped is asked again if it missed the first time", async () => {
    const script =
      "trap 'echo asked; n=1$n; [ $n = 1 ] || exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    expect(await linesUntilStopped(runner(), script)).toEqual(["ready", "asked", "asked"]);
  });

  it("that is stopped and does not end is killed with all that it started", async () => {
    const script = "trap '' TERM; sleep 600 & echo $$ $!; sleep 600";
    const pids = (await linesUntilStopped(runner({}, 10), script)).flatMap((line) =>
      line.split(" ").map(Number),
    );
    expect(pids).toHaveLength(2);
    await haveEnded(pids);
  });

  it("that does not end is killed with what it started in other process groups", async () => {
    const script = "trap '' TERM; setsid sleep 600 & echo $$ $!; sleep 600";
    const pids = (await linesUntilStopped(runner({}, 10), script)).flatMap((line) =>
      line.split(" ").map(Number),
    );
    await haveEnded(pids);
  });

  it("is stopped with all its children when no caller is left", async () => {
    const abort = new AbortController();
    const pids: number[] = [];
    const onLine = (line: string) => {
      pids.push(...line.split(" ").map(Number));
      abort.abort(new Error("gone"));
    };
    const running = runner().run(STAYING, { ...TIMEOUT, signal: abort.signal, onLine });
    await expect(running).rejects.toThrow("gone");
    expect(pids).toHaveLength(2);
    await haveEnded(pids);
  });

  it("is stopped with all its children at its timeout", async () => {
    const pids: number[] = [];
    const onLine = (line: string) => void pids.push(...line.split(" ").map(Number));
    const running = runner().run(STAYING, { timeoutMs: 300, onLine });
    await expect(running).rejects.toBeInstanceOf(CommandError);
    await haveEnded(pids);
  });

  it("is stopped with what outlived it", async () => {
    const pids: number[] = [];
    const onLine = (line: string) => void pids.push(Number(line));
    const orphaning = runner().run(["sh", "-c", "sleep 600 & echo $!"], { timeoutMs: 300, onLine });
    await expect(orphaning).rejects.toThrow("took longer than 300 ms");
    await haveEnded(pids);
  });

  it("that cannot be found says so", async () => {
    expect(runner().find("no-such-program")).toBeUndefined();
    await expect(runner().run(["no-such-program"], TIMEOUT)).rejects.toThrow("cannot be started");
  });

  it("streams its output and fails at its end when it failed", async () => {
    const chunks: Uint8Array[] = [];
    const read = async (): Promise<void> => {
      for await (const chunk of runner().stream(["sh", "-c", "printf abc; echo why >&2; exit 3"], TIMEOUT)) {
        chunks.push(chunk);
      }
    };
    await expect(read()).rejects.toThrow("status 3: why");
    expect(Buffer.concat(chunks).toString()).toBe("abc");
  });

  it("is stopped when its output is no longer read", async () => {
    let pid: number | undefined;
    for await (const chunk of runner().stream(["sh", "-c", "echo $$; exec sleep 600"], TIMEOUT)) {
      pid = Number.parseInt(new TextDecoder().decode(chunk), 10);
      break;
    }
    expect(pid).toBeGreaterThan(1);
    await haveEnded([pid as number]);
  });

  it("hands lines over as they come", async () => {
    const lines: string[] = [];
    await runner().run(["printf", "one\\ntwo\\nthree"], { ...TIMEOUT, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(["one", "two", "three"]);
  });
});
