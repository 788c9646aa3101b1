import { createHash, randomUUID } from "node:crypto";
import { type Stats, statSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import type { WorkLocks } from "../concurrency/work-locks.ts";
import { FileLock } from "../files/file-lock.ts";
import { isAbsent } from "../files/system-error.ts";
import { StorageError } from "../oci/storage-error.ts";

const FIRST_PAUSE_MS = 2;
const MAX_PAUSE_MS = 50;

/**
 * How often a starting process tries to lock a test file, because another starting process may remove it at that
 * moment.
 */
const PROBE_ATTEMPTS = 20;

/**
 * Locks that all processes on one data folder share: a locked file for each name in use.
 *
 * A process that dies releases its locks at once. The folder must be on a local file system.
 */
export class FolderLocks implements WorkLocks {
  readonly #folder: string;
  readonly #opened: Stats;
  /** Orders the callers of this process, so that only one at a time tries the file. */
  readonly #local = new KeyedLock();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#opened = statSync(folder);
  }

  /**
   * Creates the folder if needed, and removes files that killed processes left.
   *
   * @throws {StorageError} if files in the folder cannot be locked
   */
  static async open(folder: string): Promise<FolderLocks> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(folder)) {
        await using _left = await FileLock.tryAcquire(join(folder, name));
      }
      await requireExclusion(folder);
    } catch (error) {
      throw new StorageError("locks", "open", folder, error);
    }
    return new FolderLocks(folder);
  }

  run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return this.#local.run(
      name,
      async () => {
        await using _lock = await this.#acquire(name, signal);
        return await work();
      },
      signal,
    );
  }

  checkPresence(): void {
    const found = statSync(this.#folder, { throwIfNoEntry: false });
    if (found?.ino === this.#opened.ino && found.dev === this.#opened.dev) return;
    throw this.#gone(found === undefined ? "the folder was removed" : "another folder replaced it");
  }

  async #acquire(name: string, signal: AbortSignal | undefined): Promise<FileLock> {
    const path = join(this.#folder, createHash("sha256").update(name).digest("hex").slice(0, 40));
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
      signal?.throwIfAborted();
      const lock = await this.#tryAcquire(path);
      if (lock !== undefined) return lock;
      await Bun.sleep(pause);
    }
  }

  async #tryAcquire(path: string): Promise<FileLock | undefined> {
    try {
      return await FileLock.tryAcquire(path);
    } catch (error) {
      // Creating a file fails like this only if its folder is missing.
      if (isAbsent(error)) throw this.#gone(error);
      throw new StorageError("locks", "lock", path, error);
    }
  }

  #gone(reason: unknown): StorageError {
    return new StorageError("locks", "find", this.#folder, reason, "gone");
  }
}

/** Some file systems refuse all locks; some network file systems grant the same lock twice. */
async function requireExclusion(folder: string): Promise<void> {
  for (let attempt = 0; attempt < PROBE_ATTEMPTS; attempt += 1) {
    const path = join(folder, `probe-${randomUUID()}`);
    await using first = await FileLock.tryAcquire(path);
    if (first !== undefined) return await requireLocked(path);
    await Bun.sleep(FIRST_PAUSE_MS * Math.random());
  }
  throw new Error("the file system does not support locks");
}

async function requireLocked(path: string): Promise<void> {
  await using second = await FileLock.tryAcquire(path);
  if (second !== undefined) throw new Error("the file system grants the same lock twice");
}
