import { dlopen, FFIType } from "bun:ffi";
import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { absent, isAbsent } from "./system-error.ts";

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;
const LOCK_RELEASE = 8;

const LIBRARIES: readonly string[] =
  process.platform === "darwin"
    ? ["libSystem.B.dylib"]
    : ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

/** `flock` of the C library, which neither Bun nor Node offers. */
const flock = openLibrary();

/**
 * A lock on a file (flock(2)). The system releases it when the process ends, however it ends. Two locks exclude each
 * other within one process too.
 */
export class FileLock implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Creates the file and locks it; `undefined` if another holder has it. */
  static async tryAcquire(path: string): Promise<FileLock | undefined> {
    // Do not do this on the event loop: creating a file can take 50 ms and more while the disk is busy.
    const file = await open(path, "w");
    try {
      // The last holder may have removed the file between our open and our lock: then no other process sees our lock.
      if (flock(file.fd, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING) === 0 && (await isStillAt(path, file)))
        return new FileLock(path, file);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  /** Removes the file and releases the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await rm(this.#path, { force: true });
    } finally {
      await this.#file.close();
    }
  }
}

/** A lock on an existing folder (flock(2)), with the same properties. */
export class FolderLock implements Disposable {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /**
   * Locks the folder: `busy` if another holder has it, `undefined` if there is no such folder. Several holders can share a
   * lock; otherwise it has one.
   */
  static tryAcquire(path: string, { shared = false } = {}): FolderLock | "busy" | undefined {
    const descriptor = openFolder(path);
    if (descriptor === undefined) return undefined;
    const kind = shared ? LOCK_SHARED : LOCK_EXCLUSIVE;
    const isLocked = flock(descriptor, kind | LOCK_NON_BLOCKING) === 0;
    // The last holder may have removed the folder between our open and our lock.
    if (isLocked && statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(descriptor).ino)
      return new FolderLock(descriptor);
    closeSync(descriptor);
    return isLocked ? undefined : "busy";
  }

  /** Releases the lock. */
  [Symbol.dispose](): void {
    // Closing is not enough: a child process has a copy of the descriptor until it starts its program.
    flock(this.#descriptor, LOCK_RELEASE);
    closeSync(this.#descriptor);
  }
}

function openFolder(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function isStillAt(path: string, file: FileHandle): Promise<boolean> {
  const opened = await file.stat();
  const found = await stat(path).catch(absent);
  return found !== undefined && found.ino === opened.ino && found.dev === opened.dev;
}

function openLibrary(): (descriptor: number, operation: number) => number {
  const failures: unknown[] = [];
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      });
      return symbols.flock;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, "the C library was not found, so files cannot be locked");
}
