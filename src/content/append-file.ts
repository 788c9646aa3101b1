import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errorCode } from "../files/system-error.ts";

/**
 * Writes past the page cache start at a multiple of this and have such a length: the largest block size of today's
 * disks.
 */
const BLOCK = 4096;
/** Smaller writes go through the page cache, which gathers them. */
const SMALLEST_DIRECT_WRITE = 1 << 20;

/** Error codes of systems that cannot write past the cache. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/** A file that is open for writes past the page cache. */
type DirectFile = Pick<FileHandle, "write" | "close">;

/** Whether to write past the system's page cache. It stays on until the file system reports that it cannot. */
export class DirectWrites {
  /** Opens a file for such writes. */
  readonly open: (path: string) => Promise<DirectFile>;
  #possible: boolean;

  constructor(wanted: boolean, openFile: (path: string) => Promise<DirectFile> = openDirectly) {
    this.#possible = wanted && constants.O_DIRECT !== undefined;
    this.open = openFile;
  }

  get possible(): boolean {
    return this.#possible;
  }

  /** Turns it off, because the file system or the disk's block size does not allow it. */
  refuse(): void {
    this.#possible = false;
  }
}

function openDirectly(path: string): Promise<DirectFile> {
  return open(path, constants.O_WRONLY | constants.O_DIRECT);
}

/**
 * Appends to a file.
 *
 * Large writes go past the page cache. They need half as much CPU time, and do not evict what others are pulling.
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
    if (isWhole && byteLength >= SMALLEST_DIRECT_WRITE && this.#directWrites.possible) {
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
