import { randomFillSync } from "node:crypto";
import {
  closeSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { freeDiskBytes } from "../files/free-disk-bytes.ts";
import { StorageError } from "../oci/storage-error.ts";

/** Minimum time between two attempts to take the space again, in milliseconds. */
const RETRY_MS = 1000;
/** In the names of files that are being written, before they take the place of the reserve. */
const UNFINISHED = ".new-";
/** A file that is older belongs to a process that was killed. */
const UNFINISHED_MS = 60_000;
const BLOCK_BYTES = 1 << 20;

/**
 * Disk space kept for deletes, so that a full disk does not prevent them: a file of random bytes, which no file system
 * can compress.
 *
 * An empty file means that the space is given up. Then nothing else may be written until there is room to take it again,
 * because retried pushes would use up what deletes need. Without a file, nothing is kept.
 *
 * All processes that use the file see its state.
 */
export class SpaceReserve {
  readonly #path: string;
  readonly #bytes: number;
  #triedAt = Number.NEGATIVE_INFINITY;

  private constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
  }

  /**
   * Keeps `bytes` in the file at `path`; with 0, removes the file. If there is no room, nothing is kept:
   * {@link isKept} tells.
   *
   * @throws {StorageError} if the file cannot be written for another reason
   */
  static open(path: string, bytes: number): SpaceReserve {
    const reserve = new SpaceReserve(path, bytes);
    if (bytes === 0) rmSync(path, { force: true });
    else if (reserve.#size !== bytes) reserve.#take();
    return reserve;
  }

  /** Whether there is space to give up. */
  get isKept(): boolean {
    return (this.#size ?? 0) > 0;
  }

  /**
   * Allows a write that is not a delete. Takes the space again if it was given up and there is room.
   *
   * @throws {StorageError} condition `full` if there is no room
   */
  check(): void {
    if (this.#size !== 0) return;
    const now = performance.now();
    if (now - this.#triedAt >= RETRY_MS) {
      this.#triedAt = now;
      if (this.#take()) return;
    }
    throw this.#failure("the last space is kept for deletes", "full");
  }

  /** Gives up the space for a delete. Returns false if there was none. */
  release(): boolean {
    if (!this.isKept) return false;
    truncateSync(this.#path);
    this.#triedAt = performance.now();
    return true;
  }

  /** Size of the file; `undefined` if there is none. */
  get #size(): number | undefined {
    return statSync(this.#path, { throwIfNoEntry: false })?.size;
  }

  /** Writes the file whole, if as much space again stays free. */
  #take(): boolean {
    const written = `${this.#path}${UNFINISHED}${crypto.randomUUID()}`;
    try {
      this.#removeUnfinished();
      if (freeDiskBytes(dirname(this.#path)) < 2 * this.#bytes) return false;
      writeRandom(written, this.#bytes);
      renameSync(written, this.#path);
      return true;
    } catch (cause) {
      rmSync(written, { force: true });
      const failure = this.#failure(cause);
      // A quota can be used up although the file system has space.
      if (failure.condition !== "full") throw failure;
      return false;
    }
  }

  /** Removes what killed processes left. */
  #removeUnfinished(): void {
    const folder = dirname(this.#path);
    const begin = `${basename(this.#path)}${UNFINISHED}`;
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(begin)) continue;
      const path = join(folder, name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found !== undefined && Date.now() - found.mtimeMs > UNFINISHED_MS) rmSync(path, { force: true });
    }
  }

  #failure(cause: unknown, condition?: "full"): StorageError {
    return new StorageError("sqlite", "keep space", this.#path, cause, condition);
  }
}

function writeRandom(path: string, bytes: number): void {
  const file = openSync(path, "w", 0o600);
  try {
    const block = randomFillSync(new Uint8Array(Math.min(bytes, BLOCK_BYTES)));
    for (let rest = bytes; rest > 0; ) rest -= writeSync(file, block, 0, Math.min(rest, block.byteLength));
  } finally {
    closeSync(file);
  }
}
