import { describe, expect, it } from "bun:test";
import { createLogger } from "../../log.ts";
import { CommandError, CommandRunner } from "./command-runner.ts";

const TIMEOUT = { timeoutMs: 20_000 };

function runner(environment: Record<string, string> = {}): CommandRunner {
  return new CommandRunner({
    environment: { PATH: process.env.PATH, ...environment },
    log: createLogger("silent"),
  });
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

  it("sees the search path, the home folder and the proxies, and nothing else of the environment", async () => {
    const commands = runner({ SECRET: "s", https_proxy: "http://proxy.invalid:1", HOME: "/home/x" });
    const { stdout } = await commands.run(["env"], TIMEOUT);
    const names = stdout
      .split("\n")
      .map((line) => line.split("=")[0])
      .filter((name) => name !== "" && name !== "_");
    expect(names.toSorted()).toEqual(["DEBIAN_FRONTEND", "HOME", "LC_ALL", "PATH", "https_proxy"]);
  });

  it("is killed with all that it started when its time is up or nobody wants it", async () => {
    const startedAt = performance.now();
    const script = ["sh", "-c", "sleep 30 & sleep 30"];
    await expect(runner().run(script, { timeoutMs: 100 })).rejects.toBeInstanceOf(CommandError);
    const abort = new AbortController();
    const running = runner().run(script, { ...TIMEOUT, signal: abort.signal });
    abort.abort(new Error("gone"));
    await expect(running).rejects.toThrow("gone");
    // Its outputs close only when the background process is gone as well.
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it("is killed with what outlived it", async () => {
    const startedAt = performance.now();
    const orphaning = runner().run(["sh", "-c", "sleep 15 & exit 0"], { timeoutMs: 300 });
    await expect(orphaning).rejects.toThrow("took longer than 300 ms");
    expect(performance.now() - startedAt).toBeLessThan(5000);
  }, 20_000);

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
    const commands = runner();
    for await (const chunk of commands.stream(["yes"], TIMEOUT)) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    expect(commands.startedCount).toBe(1);
  });

  it("hands lines over as they come", async () => {
    const lines: string[] = [];
    await runner().run(["printf", "one\\ntwo\\nthree"], { ...TIMEOUT, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(["one", "two", "three"]);
  });
});
