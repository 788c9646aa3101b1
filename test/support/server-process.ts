import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A registry in a separate process, as an operator runs it. Disposing of it ends the process. */
export interface ServerProcess extends AsyncDisposable {
  /** Such as `127.0.0.1:40123`. */
  readonly host: string;
  readonly url: string;
  readonly pid: number;
  /** Everything it printed and logged so far. */
  output(): string;
  /** Largest resident memory so far, in bytes. */
  peakMemoryBytes(): number;
  /** The exit code, once it has ended on its own. */
  readonly exited: Promise<number>;
  /** Sends a signal and waits for the end; resolves to the exit code, 128 + n for a signal. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number>;
}

const ROOT = join(import.meta.dir, "../..");
/** A safety net. */
const READY_WITHIN_MS = 120_000;
/** What a server gets of our environment: nothing that configures it. */
const INHERITED =
  /^(?:PATH|HOME|TMPDIR|(?:https?|ftp|no|all)_proxy|MIMALLOC_PURGE_DELAY|BUN_JSC_forceRAMSize)$/i;

/** Starts `slipway serve` on a free port of the loopback, and waits until it listens. */
export async function startServerProcess(
  data: string,
  variables: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<ServerProcess> {
  const child = Bun.spawn([process.execPath, join(ROOT, "src/cli/main.ts"), "serve", ...options], {
    env: { ...inheritedEnvironment(), SLIPWAY_DATA: data, SLIPWAY_HTTP_PORT: "0", ...variables },
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream() as never)) output += text;
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    child.kill(signal);
    const code = await child.exited;
    await collected;
    return code;
  };
  const url = await listening(
    () => output,
    () => child.exitCode !== null || child.signalCode !== null,
  );
  if (url === undefined) {
    await end("SIGKILL");
    throw new Error(`the server does not listen:\n${output}`);
  }
  return {
    url,
    host: url.slice("http://".length),
    pid: child.pid,
    output: () => output,
    peakMemoryBytes: () => peakMemoryBytes(child.pid),
    exited: collected.then(() => child.exited),
    end,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await end("SIGTERM");
    },
  };
}

function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => INHERITED.test(name)));
}

/** The URL that the server says it listens on; `undefined` when it ends or takes too long. */
async function listening(output: () => string, ended: () => boolean): Promise<string | undefined> {
  const giveUpAt = Date.now() + READY_WITHIN_MS;
  while (Date.now() < giveUpAt && !ended()) {
    const url = /listens on (http:\S+)/.exec(output())?.[1];
    if (url !== undefined) return url;
    await Bun.sleep(20);
  }
  return undefined;
}

function peakMemoryBytes(pid: number): number {
  const kibibytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) * 1024;
}
