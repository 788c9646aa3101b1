import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errorCode } from "../files/system-error.ts";

/**
 * Direct writes start at a multiple of this many bytes, and their length is a multiple of it: the largest block size of
 * today's disks.
 */
const BLOCK = 4096;
/** Smaller writes go through the page cache, which gathers them. */
const MIN_DIRECT_WRITE_BYTES = 1 << 20;

/** Error codes of systems that cannot do direct writes. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/** A file that is open for direct writes. */
type DirectFile = Pick<FileHandle, "write" | "close">;

/**
 * The switch for direct writes: those that bypass the system's page cache. It stays on until the file system reports
 * that it cannot do them.
 */
export class DirectWrites {
  /** Opens a file for direct writes. */
  readonly open: (path: string) => Promise<DirectFile>;
  #isPossible: boolean;

  constructor(isWanted: boolean, openFile: (path: string) => Promise<DirectFile> = openDirectly) {
    this.#isPossible = isWanted && constants.O_DIRECT !== undefined;
    this.open = openFile;
  }

  get isPossible(): boolean {
    return this.#isPossible;
  }

  /** Turns direct writes off, because the file system or the disk's block size does not allow them. */
  refuse(): void {
    this.#isPossible = false;
  }
}

function openDirectly(path: string): Promise<DirectFile> {
  return open(path, constants.O_WRONLY | constants.O_DIRECT);
}

/**
 * Appends to a file.
 *
 * Large writes bypass the page cache. They need half as much CPU time, and do not evict files that clients are pulling.
 * Like other writes, they are durable only after a sync.
 */
export class AppendFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly #path: string;
  readonly #directWrites: DirectWrites;
  #direct: DirectFile | undefined;
  #cachedBytes = 0;

  private constructor(path: string, handle: FileHandle, directWrites: DirectWrites) {
    this.#path = path;
    this.handle = handle;
    this.#directWrites = directWrites;
  }

  /** Opens an existing file. The caller disposes of it. */
  static async open(path: string, directWrites: DirectWrites): Promise<AppendFile> {
    return new AppendFile(path, await open(path, "r+"), directWrites);
  }

  /** Bytes written to the page cache so far, which may not be on the disk yet. */
  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  /** Writes at `position` as much as the system accepts at once. Resolves to the number of bytes written. */
  async write(bytes: Uint8Array, position: number): Promise<number> {
    const { byteLength } = bytes;
    const isWhole = byteLength % BLOCK === 0 && position % BLOCK === 0;
    if (isWhole && byteLength >= MIN_DIRECT_WRITE_BYTES && this.#directWrites.isPossible) {
      const written = await this.#writeDirectly(bytes, position);
      if (written !== undefined) return written;
    }
    const { bytesWritten } = await this.handle.write(bytes, 0, byteLength, position);
    this.#cachedBytes += bytesWritten;
    return bytesWritten;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#direct?.close();
    } finally {
      await this.handle.close();
    }
  }

  async #writeDirectly(bytes: Uint8Array, position: number): Promise<number | undefined> {
    try {
      this.#direct ??= await this.#directWrites.open(this.#path);
      const { bytesWritten } = await this.#direct.write(bytes, 0, bytes.byteLength, position);
      return bytesWritten;
    } catch (error) {
      if (!REFUSALS.has(errorCode(error))) throw error;
      this.#directWrites.refuse();
      return undefined;
    }
  }
}
