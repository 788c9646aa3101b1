import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { InterruptibleSource } from "../../bytes/interruptible-source.ts";
import { type LockedFolder, makeLockedFolder, removeAbandoned } from "../../files/locked-folder.ts";
import type { NamespaceProcess } from "./namespace-process.ts";

/**
 * What the program `unpack` shall do: fill these folders, in this order, one for each archive that it gets. After the
 * order, once it has opened the folders, come the archives in pieces, each with its length before it in four bytes; a length of 0 ends an archive.
 */
export interface UnpackOrder {
  /** Absolute paths. A folder may be renamed once the program has opened it. */
  readonly folders: readonly string[];
}

/** What {@link UnpackPrograms} needs from the sandbox. */
export interface UnpackHost {
  /** A folder of the sandbox, on the file system of the trees. */
  readonly folder: string;
  /** Gives a new folder to the sandbox's root. */
  own(folder: string): Promise<void>;
  start(order: UnpackOrder, signal: AbortSignal): Promise<NamespaceProcess>;
}

/** A program opens its folders before it becomes the sandbox's root, who may not enter the server's folders. */
const FOLDERS_EACH = 64;
/** A program that had nothing to do for this long ends. */
const IDLE_MS = 2_000;
const TEMPORARY = "new-";

/** The programs that unpack archives. Each takes one archive at a time, and several one after the other. */
export class UnpackPrograms implements AsyncDisposable {
  readonly #host: UnpackHost;
  readonly #idle = new Map<UnpackProgram, ReturnType<typeof setTimeout>>();

  constructor(host: UnpackHost) {
    this.#host = host;
  }

  /** Removes what dead processes left. */
  async prepare(): Promise<void> {
    await removeAbandoned(this.#host.folder, TEMPORARY, (path) => rm(path, { recursive: true }));
  }

  /**
   * Unpacks an archive into a new folder, which may be there after a failure.
   *
   * @throws {SandboxError} the program's failure
   * @throws the reason of `signal`, or the error of `archive`
   */
  async unpack(archive: ByteSource, folder: string, signal: AbortSignal): Promise<void> {
    const program = (await this.#takeIdle()) ?? (await UnpackProgram.start(this.#host, signal));
    try {
      await program.unpack(archive, folder, signal);
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
    if (program.isUsedUp) await program[Symbol.asyncDispose]();
    else this.#keep(program);
  }

  /** Ends the programs that have nothing to do. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const [program, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(program);
      await program[Symbol.asyncDispose]();
    }
  }

  async #takeIdle(): Promise<UnpackProgram | undefined> {
    for (const [program, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(program);
      if (program.isRunning) return program;
      // Somebody else ended it.
      await program[Symbol.asyncDispose]();
    }
    return undefined;
  }

  #keep(program: UnpackProgram): void {
    const timer = setTimeout(() => {
      this.#idle.delete(program);
      void program[Symbol.asyncDispose]();
    }, IDLE_MS);
    this.#idle.set(program, timer);
  }
}

class UnpackProgram implements AsyncDisposable {
  readonly #process: NamespaceProcess;
  readonly #abort: AbortController;
  readonly #batch: LockedFolder;
  readonly #folders: string[];

  private constructor(
    process: NamespaceProcess,
    abort: AbortController,
    batch: LockedFolder,
    folders: string[],
  ) {
    this.#process = process;
    this.#abort = abort;
    this.#batch = batch;
    this.#folders = folders;
  }

  static async start(host: UnpackHost, signal: AbortSignal): Promise<UnpackProgram> {
    const batch = await makeLockedFolder(host.folder, TEMPORARY);
    const abort = new AbortController();
    const stop = () => abort.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      signal.throwIfAborted();
      const folders = Array.from({ length: FOLDERS_EACH }, (_, number) => join(batch.path, String(number)));
      for (const folder of folders) {
        await mkdir(folder, { mode: 0o755 });
        await host.own(folder);
      }
      const process = await host.start({ folders }, abort.signal);
      await process.expect("opened").catch(async (error: unknown) => {
        await process[Symbol.asyncDispose]();
        throw error;
      });
      return new UnpackProgram(process, abort, batch, folders);
    } catch (error) {
      await removeBatch(batch);
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  /** Whether it can take no other archive. */
  get isUsedUp(): boolean {
    return this.#folders.length === 0;
  }

  async unpack(archive: ByteSource, folder: string, signal: AbortSignal): Promise<void> {
    const source = new InterruptibleSource(archive);
    const stop = () => {
      source.interrupt(signal.reason);
      this.#abort.abort(signal.reason);
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) stop();
      await rename(this.#folders.shift() as string, folder);
      for await (const chunk of source) {
        if (chunk.byteLength > 0 && !(await this.#process.write(pieceOf(chunk)))) break;
      }
      await this.#process.write(pieceOf(new Uint8Array()));
      await this.#process.expect("filled");
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await removeBatch(this.#batch);
  }
}

async function removeBatch({ path, lock }: LockedFolder): Promise<void> {
  using _lock = lock;
  await rm(path, { recursive: true, force: true });
}

function pieceOf(bytes: Uint8Array): Buffer {
  const piece = Buffer.allocUnsafe(4 + bytes.byteLength);
  piece.writeUInt32LE(bytes.byteLength, 0);
  piece.set(bytes, 4);
  return piece;
}
