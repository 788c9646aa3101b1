import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Logger } from "../../log.ts";

/** How a command is run. */
export interface CommandOptions {
  readonly folder?: string;
  /** Milliseconds until the command and all it started are killed. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Is given each line of standard output as it comes, without its end. */
  readonly onLine?: (line: string) => void;
}

/** What a command that ended by itself left behind. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** Its first part when there was much of it. */
  readonly stderr: string;
}

/** A command that could not be started, was stopped, or said more than is kept. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** A command under way. */
interface Running {
  readonly child: Child;
  /** Its exit status, once it and all that writes to its outputs are gone. */
  readonly ended: Promise<number>;
  /** Kills it with everything that it started. */
  readonly kill: () => void;
}

const MAX_STDOUT_BYTES = 64 << 20;
const MAX_STDERR_BYTES = 1 << 18;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const INHERITED = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/**
 * Starts commands with a minimal environment, each in a process group of its own.
 *
 * Both outputs are drained together, so that a command which writes much on one never blocks on it.
 */
export class CommandRunner {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #log: Logger;
  #startedCount = 0;

  /** Of `environment` only the search path, the home folder and the proxies reach a command. */
  constructor(options: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
  }) {
    this.#environment = minimalEnvironment(options.environment);
    this.#log = options.log;
  }

  /** How many commands were started since this object was made. */
  get startedCount(): number {
    return this.#startedCount;
  }

  /** Where `program` is found, or `undefined` when it is not installed. */
  find(program: string): string | undefined {
    return Bun.which(program, { PATH: this.#environment.PATH ?? DEFAULT_PATH }) ?? undefined;
  }

  /**
   * Runs a command to its end.
   *
   * @throws {CommandError} when it cannot be started, is stopped by time or a signal, or writes more than 64 MiB
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
   * The standard output of a command as it comes. Ends only when the command succeeded.
   *
   * A consumer that stops early stops the command.
   *
   * @throws {CommandError} as {@link run}, and when the command fails
   */
  async *stream(command: readonly string[], options: CommandOptions): AsyncGenerator<Uint8Array> {
    const { child, ended, kill } = this.#start(command, options);
    const complaint = readSome(child.stderr);
    // Awaited below; a consumer that stops early never gets there.
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
 * Kills a command together with everything it started, as long as its outputs are open.
 *
 * What it started may outlive it and keep them open, so that its own end says nothing; after they closed, the number of
 * its group may be another's.
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
      // All are gone already: what was wanted.
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
    // A line without an end is of no use to anyone: bounded all the same.
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
