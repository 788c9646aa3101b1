import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Logger } from "../../log.ts";

/** Options to run a command. */
export interface CommandOptions {
  readonly folder?: string;
  /** Milliseconds until the command and everything it started are killed. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called for each line of standard output, without the line end. */
  readonly onLine?: (line: string) => void;
}

/** The result of a command that ended by itself. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The beginning, if there was much of it. */
  readonly stderr: string;
}

/** A command that could not be started, was stopped, or wrote too much. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** A running command. */
interface Running {
  readonly child: Child;
  /** Its exit status, once it and everything that writes to its outputs has ended. */
  readonly ended: Promise<number>;
  /** Kills it and everything it started. */
  readonly kill: () => void;
}

const MAX_STDOUT_BYTES = 64 << 20;
const MAX_STDERR_BYTES = 1 << 18;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const INHERITED = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/**
 * Starts commands with a minimal environment, each in a process group of its own.
 *
 * Reads both outputs at the same time, so that a command never blocks on one of them.
 */
export class CommandRunner {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #log: Logger;
  #startedCount = 0;

  /** Passes only the search path, the home folder and the proxies of `environment` to commands. */
  constructor(options: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
  }) {
    this.#environment = minimalEnvironment(options.environment);
    this.#log = options.log;
  }

  /** Number of commands started by this object. */
  get startedCount(): number {
    return this.#startedCount;
  }

  /** The path of `program`; `undefined` if it is not installed. */
  find(program: string): string | undefined {
    return Bun.which(program, { PATH: this.#environment.PATH ?? DEFAULT_PATH }) ?? undefined;
  }

  /**
   * Runs a command and waits for its end.
   *
   * @throws {CommandError} if it cannot be started, times out, is killed by a signal, or writes more than 64 MiB
   * @throws the reason of `options.signal`
   */
  async run(command: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const { child, ended, kill } = this.#start(command, options);
    const [stdout, stderr, exitCode] = await Promise.all([
      options.onLine === undefined ? readAll(child.stdout, kill) : readLines(child.stdout, options.onLine),
      readSome(child.stderr),
      ended,
    ]);
    return { exitCode, stdout, stderr };
  }

  /**
   * Streams the standard output of a command. The stream ends only if the command succeeded.
   *
   * If the consumer stops early, the command is stopped.
   *
   * @throws {CommandError} as {@link run}, and if the command fails
   */
  async *stream(command: readonly string[], options: CommandOptions): AsyncGenerator<Uint8Array> {
    const { child, ended, kill } = this.#start(command, options);
    const complaint = readSome(child.stderr);
    // Awaited below, unless the consumer stops early.
    ended.catch(() => {});
    let finished = false;
    try {
      for await (const chunk of child.stdout) yield chunk as Uint8Array;
      const exitCode = await ended;
      finished = true;
      if (exitCode !== 0) {
        throw new CommandError(`${command[0]} failed with status ${exitCode}: ${(await complaint).trim()}`);
      }
    } finally {
      if (!finished) kill();
    }
  }

  #start(command: readonly string[], options: CommandOptions): Running {
    options.signal?.throwIfAborted();
    const [program, ...parameters] = command;
    if (program === undefined) throw new CommandError("no command given");
    this.#startedCount += 1;
    this.#log.debug({ command }, "command started");
    const child = spawn(program, parameters, {
      cwd: options.folder,
      env: { ...this.#environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const kill = groupKiller(child);
    return { child, ended: waitForEnd(child, program, options, kill), kill };
  }
}

function waitForEnd(
  child: Child,
  program: string,
  options: CommandOptions,
  kill: () => void,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let failure: unknown;
  const stop = (reason: unknown): void => {
    failure ??= reason;
    kill();
  };
  const onAbort = (): void => stop(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(
    () => stop(new CommandError(`${program} took longer than ${options.timeoutMs} ms`)),
    options.timeoutMs,
  );
  const settle = (): void => {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  };
  child.once("error", (cause) => {
    settle();
    reject(new CommandError(`${program} cannot be started: ${cause.message}`, { cause }));
  });
  child.once("close", (exitCode, killedBy) => {
    settle();
    if (failure !== undefined) reject(failure);
    else if (exitCode === null) reject(new CommandError(`${program} was ended by ${killedBy}`));
    else resolve(exitCode);
  });
  return promise;
}

/**
 * Kills a command and everything it started, as long as its outputs are open.
 *
 * Its children may outlive it and keep the outputs open. Once the outputs are closed, the number of its group may
 * belong to other processes.
 */
function groupKiller(child: Child): () => void {
  let closed = false;
  child.once("close", () => {
    closed = true;
  });
  return () => {
    if (closed || child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (cause) {
      // They have all ended already.
      if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
    }
  };
}

async function readAll(stream: Readable, kill: () => void): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Uint8Array).byteLength;
    if (size > MAX_STDOUT_BYTES) {
      kill();
      throw new CommandError(`a command wrote more than ${MAX_STDOUT_BYTES} bytes`);
    }
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function readSome(stream: Readable): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const rest = MAX_STDERR_BYTES - size;
    if (rest > 0) chunks.push((chunk as Uint8Array).subarray(0, rest));
    size += (chunk as Uint8Array).byteLength;
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let partial = "";
  for await (const chunk of stream) {
    const lines = (partial + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
    // Limit lines that never end.
    partial = (lines.pop() ?? "").slice(0, 1 << 16);
    for (const line of lines) onLine(line);
  }
  if (partial !== "") onLine(partial);
  return "";
}

function minimalEnvironment(
  given: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {
    PATH: given.PATH ?? DEFAULT_PATH,
    HOME: given.HOME ?? "/",
    LC_ALL: "C.UTF-8",
    DEBIAN_FRONTEND: "noninteractive",
  };
  for (const name of INHERITED.flatMap((proxy) => [proxy, proxy.toUpperCase()])) {
    const value = given[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
