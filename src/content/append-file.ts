import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errorCode } from "./storage-failure.ts";

/** What a write past the page cache begins at and holds a multiple of: the largest block of today's disks. */
const BLOCK = 4096;
/** Writes smaller than this are better gathered by the system. */
const SMALLEST_DIRECT_WRITE = 1 << 20;

/** How systems say that a file, or a write, cannot pass the cache. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/** Whether files are written past the system's page cache, until the file system says that it cannot. */
export class DirectWrites {
  #possible: boolean;

  constructor(wanted: boolean) {
    this.#possible = wanted && constants.O_DIRECT !== undefined;
  }

  get possible(): boolean {
    return this.#possible;
  }

  /** Tells that the file system, or the disk's block size, does not allow it. */
  refuse(): void {
    this.#possible = false;
  }
}

/**
 * A file that is written at its end.
 *
 * Large writes go past the page cache: they cost the processor half as much, and do not crowd out of memory what
 * others are pulling. They are no more durable than others until the file is synced.
 */
export class AppendFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly #path: string;
  readonly #directWrites: DirectWrites;
  #direct: FileHandle | undefined;
  #cachedBytes = 0;

  private constructor(path: string, handle: FileHandle, directWrites: DirectWrites) {
    this.#path = path;
    this.handle = handle;
    this.#directWrites = directWrites;
  }

  /** Opens a file that exists; the caller disposes of it. */
  static async open(path: string, directWrites: DirectWrites): Promise<AppendFile> {
    return new AppendFile(path, await open(path, "r+"), directWrites);
  }

  /** Bytes written so far that went into the page cache, and not to the disk yet for all one knows. */
  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  /** Writes at `position` as much as the system takes at once; resolves to how many bytes that was. */
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
      this.#direct ??= await open(this.#path, constants.O_WRONLY | constants.O_DIRECT);
      const { bytesWritten } = await this.#direct.write(bytes, 0, bytes.byteLength, position);
      return bytesWritten;
    } catch (error) {
      if (!REFUSALS.has(errorCode(error))) throw error;
      this.#directWrites.refuse();
      return undefined;
    }
  }
}
