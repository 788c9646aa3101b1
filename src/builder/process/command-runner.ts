import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Logger } from "../../log.ts";
import { OrphanGuard } from "./orphan-guard.ts";
import { groupStopper } from "./process-group.ts";

/** Options to run a command. */
export interface CommandOptions {
  readonly folder?: string;
  /** Variables besides those that every command gets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Milliseconds until the command and everything it started are stopped. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called for each line of standard output, without the line end. */
  readonly onLine?: (line: string) => void;
}

/** The result of a command that ended by itself. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** Standard error; only the end if it is long. */
  readonly stderr: string;
}

/** A command that could not be started, was stopped, or wrote too much. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
}

/** A command that was stopped because it took too long. */
export class CommandTimeout extends CommandError {
  override readonly name = "CommandTimeout";
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** A running command. */
interface Running {
  readonly child: Child;
  /** Its exit status, once it and everything that writes to its outputs has ended. */
  readonly ended: Promise<number>;
  /** Stops it and everything it started. */
  readonly stop: () => void;
}

const MAX_STDOUT_BYTES = 64 << 20;
const MAX_STDERR_BYTES = 1 << 18;
/** How long a command may take to end by itself when it is stopped, in milliseconds. */
const GRACE_MS = 10_000;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const INHERITED = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/**
 * Starts commands with a minimal environment, each in a process group of its own.
 *
 * Reads both outputs at the same time, so that a command never blocks on one of them. Commands end with this process,
 * even if it is killed.
 */
export class CommandRunner {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #log: Logger;
  readonly #graceMs: number;
  readonly #guard: OrphanGuard;
  #startedCount = 0;

  /**
   * Passes only the search path, the home folder and the proxies of `environment` to commands. To stop a command, sends
   * SIGTERM, and kills it `graceMs` later.
   */
  constructor(options: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
    readonly graceMs?: number;
  }) {
    this.#environment = minimalEnvironment(options.environment);
    this.#log = options.log;
    this.#graceMs = options.graceMs ?? GRACE_MS;
    this.#guard = new OrphanGuard((program) => this.find(program));
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
   * @throws {CommandError} if it cannot be started, times out, is ended by a signal, or writes more than 64 MiB
   * @throws the reason of `options.signal`
   */
  async run(command: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const { child, ended, stop } = await this.#start(command, options);
    const [stdout, stderr, exitCode] = await Promise.all([
      options.onLine === undefined ? readAll(child.stdout, stop) : readLines(child.stdout, options.onLine),
      readTail(child.stderr),
      ended,
    ]);
    return { exitCode, stdout, stderr };
  }

  /**
   * Streams the standard output of a command. The stream ends normally only if the command succeeds.
   *
   * If the consumer stops early, the command is stopped.
   *
   * @throws {CommandError} as {@link run}, and if the command fails
   */
  async *stream(command: readonly string[], options: CommandOptions): AsyncGenerator<Uint8Array> {
    const { child, ended, stop } = await this.#start(command, options);
    const complaint = readTail(child.stderr);
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
      if (!finished) stop();
    }
  }

  async #start(command: readonly string[], options: CommandOptions): Promise<Running> {
    await this.#guard.ready();
    options.signal?.throwIfAborted();
    const [name] = command;
    if (name === undefined) throw new CommandError("no command given");
    if (this.find(name) === undefined)
      throw new CommandError(`${name} cannot be started: there is no such program`);
    const [program = name, ...parameters] = this.#guard.prepare(command);
    this.#startedCount += 1;
    this.#log.debug({ command }, "command started");
    const child = spawn(program, parameters, {
      cwd: options.folder,
      env: { ...this.#environment, ...options.environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#guard.watch(child);
    const stop = groupStopper(child, this.#graceMs);
    return { child, ended: waitForEnd(child, name, options, stop), stop };
  }
}

function waitForEnd(
  child: Child,
  program: string,
  options: CommandOptions,
  stopGroup: () => void,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let failure: unknown;
  const stop = (reason: unknown): void => {
    failure ??= reason;
    stopGroup();
  };
  const onAbort = (): void => stop(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(
    () => stop(new CommandTimeout(`${program} took longer than ${options.timeoutMs} ms`)),
    options.timeoutMs,
  );
  const stopTimer = (): void => {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  };
  child.once("error", (cause) => {
    stopTimer();
    reject(new CommandError(`${program} cannot be started: ${cause.message}`, { cause }));
  });
  child.once("close", (exitCode, killedBy) => {
    stopTimer();
    if (failure !== undefined) reject(failure);
    else if (exitCode === null) reject(new CommandError(`${program} was ended by ${killedBy}`));
    else resolve(exitCode);
  });
  return promise;
}

async function readAll(stream: Readable, stop: () => void): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Uint8Array).byteLength;
    if (size > MAX_STDOUT_BYTES) {
      stop();
      throw new CommandError(`a command wrote more than ${MAX_STDOUT_BYTES} bytes`);
    }
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The end of a command's output, which is where it says why it failed. */
async function readTail(stream: Readable): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).byteLength;
    while (size - (chunks[0]?.byteLength ?? 0) >= MAX_STDERR_BYTES) {
      size -= chunks.shift()?.byteLength ?? 0;
    }
  }
  return Buffer.concat(chunks).subarray(-MAX_STDERR_BYTES).toString("utf8");
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let partial = "";
  for await (const chunk of stream) {
    const lines = (partial + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
    // Limit the memory for a line that never ends.
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
