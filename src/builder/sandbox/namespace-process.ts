import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { drained } from "../process/drained.ts";
import { type Frame, framesIn } from "./frames.ts";
import { type FindProgram, type IdMap, writeIdMap } from "./id-map.ts";
import { SandboxError } from "./sandbox.ts";

const MAX_COMPLAINT_BYTES = 4096;

/** A program of this folder that runs in new user, mount and process namespaces. */
export interface NamespaceProgram {
  readonly program: "collect" | "remove" | "unpack";
  /** What it shall do; becomes JSON. */
  readonly order: unknown;
}

/**
 * A running program. It, and everything that it started, ends when this process ends, when the signal is aborted, and
 * when it is disposed of.
 */
export class NamespaceProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #frames: AsyncGenerator<Frame>;
  readonly #signal: AbortSignal;
  readonly #closed: Promise<unknown>;
  readonly #onAbort = (): void => this.stop();
  #complaint = "";
  #hasClosed = false;

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, signal: AbortSignal) {
    this.#child = child;
    this.#signal = signal;
    this.#frames = framesIn(child.stdout);
    this.#closed = once(child, "close").catch((cause: Error) => {
      this.#complaint ||= cause.message;
    });
    void this.#closed.then(() => {
      this.#hasClosed = true;
    });
    // What cannot be written is not needed: the program has said why it ended, or has left nothing to say.
    child.stdin.on("error", () => {});
    child.stderr.on("data", (chunk: Buffer) => {
      this.#complaint = `${this.#complaint}${chunk}`.slice(-MAX_COMPLAINT_BYTES);
    });
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.stop();
  }

  /**
   * Starts a program and gives it its ids and its order.
   *
   * @throws {SandboxError} if the namespaces cannot be made
   * @throws the reason of `signal`
   */
  static async start(
    { program, order }: NamespaceProgram,
    ids: IdMap,
    find: FindProgram,
    signal: AbortSignal,
  ): Promise<NamespaceProcess> {
    signal.throwIfAborted();
    const [command, ...parameters] = commandFor(program, find);
    const child = spawn(command as string, parameters, {
      cwd: "/",
      env: {},
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    const process = new NamespaceProcess(child, signal);
    try {
      await process.expect("ready");
      await writeIdMap(ids, child.pid as number, find);
      const text = Buffer.from(JSON.stringify(order));
      const size = Buffer.alloc(4);
      size.writeUInt32LE(text.byteLength);
      await process.write(Buffer.concat([size, text]));
      return process;
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * The next frame.
   *
   * @throws {SandboxError} if the program failed or ended
   * @throws the reason of the signal
   */
  async next(): Promise<Frame> {
    const { value: frame } = await this.#frames.next();
    this.#signal.throwIfAborted();
    if (frame === undefined) {
      await this.#closed;
      throw new SandboxError(this.#complaint.trim() || "the sandbox ended unexpectedly");
    }
    if (frame.kind === "failed") throw new SandboxError(frame.bytes.toString("utf8"));
    return frame;
  }

  /** Waits for a frame of this kind, which must be the next one. Errors as {@link next}. */
  async expect(kind: Frame["kind"]): Promise<Frame> {
    const frame = await this.next();
    if (frame.kind !== kind) throw new SandboxError(`the sandbox sent ${frame.kind} instead of ${kind}`);
    return frame;
  }

  /** Writes to the program's standard input, and takes over the bytes; false if it no longer reads. */
  async write(bytes: Uint8Array): Promise<boolean> {
    const { stdin } = this.#child;
    if (!stdin.writable) return false;
    if (!stdin.write(bytes)) await drained(stdin);
    return stdin.writable;
  }

  /** Whether it has not ended. */
  get isRunning(): boolean {
    return !this.#hasClosed;
  }

  /** Kills the program and everything that it started. */
  stop(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#hasClosed) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Kills it, unless it has ended, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.stop();
    await this.#frames.return(undefined).catch(() => {});
    await this.#closed;
  }
}

/**
 * The command for a program. unshare makes the namespaces, because Bun has threads, and a process with threads cannot
 * make a user namespace. When this process ends, setpriv's death signal ends unshare, which ends the program, which is
 * the first process of its namespace and takes all others with it.
 */
function commandFor(program: NamespaceProgram["program"], find: FindProgram): readonly string[] {
  const [setpriv, unshare] = ["setpriv", "unshare"].map((name) => {
    const path = find(name);
    if (path === undefined) throw new SandboxError(`needs ${name} (package util-linux)`);
    return path;
  });
  return [
    ...[setpriv as string, "--pdeathsig", "KILL", "--"],
    ...[unshare as string, "--user", "--mount", "--pid", "--fork", "--kill-child=KILL", "--keep-caps", "--"],
    ...[process.execPath, PROGRAMS[program]],
  ];
}

const PROGRAMS: Readonly<Record<NamespaceProgram["program"], string>> = {
  collect: Bun.fileURLToPath(new URL("./collect.ts", import.meta.url)),
  remove: Bun.fileURLToPath(new URL("./remove.ts", import.meta.url)),
  unpack: Bun.fileURLToPath(new URL("./unpack.ts", import.meta.url)),
};
