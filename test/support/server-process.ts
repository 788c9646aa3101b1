import { join } from "node:path";
import { eventually } from "./eventually.ts";

/** A registry in a separate process, as an operator runs it. Disposing of it ends the process. */
export interface ServerProcess extends AsyncDisposable {
  /** Such as `127.0.0.1:40123`. */
  readonly host: string;
  readonly url: string;
  readonly pid: number;
  /** Everything it printed and logged so far. */
  output(): string;
  /** The exit code, once it has ended on its own. */
  readonly exited: Promise<number>;
  /** Sends a signal and waits for the end; resolves to the exit code, 128 + n for a signal. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number>;
}

const ROOT = join(import.meta.dir, "../..");
/** The variables that a server inherits: none that configures it. */
const INHERITED =
  /^(?:PATH|HOME|TMPDIR|(?:https?|ftp|no|all)_proxy|MIMALLOC_PURGE_DELAY|BUN_JSC_forceRAMSize)$/i;

/**
 * Starts `slipway serve` on a free port of the loopback, and waits until it listens.
 *
 * @param data its data folder; if absent, `variables` set the data folder and the port
 * @param program the command that starts it; by default this checkout. It gets `serve` and the options
 */
export async function startServerProcess(
  data: string | undefined,
  variables: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
  program: readonly string[] = [process.execPath, join(ROOT, "src/cli/main.ts")],
): Promise<ServerProcess> {
  const child = Bun.spawn([...program, "serve", ...options], {
    env: {
      ...inheritedEnvironment(),
      ...(data !== undefined && { SLIPWAY_DATA: data, SLIPWAY_HTTP_PORT: "0" }),
      ...variables,
    },
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
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const findUrl = () => /listens on (http:\S+)/.exec(output)?.[1];
  await eventually(() => findUrl() !== undefined || hasEnded()).catch(() => end("SIGKILL"));
  const url = findUrl();
  if (url === undefined) {
    await collected;
    throw new Error(`the server does not listen:\n${output}`);
  }
  return {
    url,
    host: url.slice("http://".length),
    pid: child.pid,
    output: () => output,
    exited: collected.then(() => child.exited),
    end,
    async [Symbol.asyncDispose]() {
      if (!hasEnded()) await end("SIGTERM");
    },
  };
}

function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => INHERITED.test(name)));
}
