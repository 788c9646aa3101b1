import { closeSync, constants, existsSync, fstatSync, openSync, type Stats, statSync } from "node:fs";
import { open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LRUCache } from "lru-cache";
import type { ByteRange } from "../bytes/byte-range.ts";
import { PieceBuffer } from "../bytes/piece-buffer.ts";
import { absent, errorCode, isAbsent } from "../files/system-error.ts";
import { algorithmOf, type Digest, encodedOf, isDigest } from "../oci/digest.ts";
import { BLOBS_PREFIX, blobFolder, blobKey, DATA_NAME } from "./blob-paths.ts";
import { StorageError, type StoredBlob } from "./content-driver.ts";
import type { DurableFolders } from "./durable-folders.ts";
import { reportingFailure } from "./storage-failure.ts";

const { O_RDONLY, O_NONBLOCK } = constants;

/** Error codes of permanent failures of a single file. Its blob counts as lost until a push replaces it. */
const UNREADABLE: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EIO", "EISDIR", "ELOOP", "ENXIO"]);

/** Whether a file cannot be opened until it is replaced. */
function isLost(error: unknown): boolean {
  return isAbsent(error) || UNREADABLE.has(errorCode(error) ?? "");
}

/** How often to try again if a blob's folder is deleted while a file is moved into it. */
const PLACE_ATTEMPTS = 5;

/** The published blobs of the filesystem driver: complete files, each at its digest's path. */
export class FilesystemBlobs {
  readonly #driver: string;
  readonly #root: string;
  readonly #folders: DurableFolders;
  /** Blobs whose file exists but could not be opened. */
  readonly #unreadable = new LRUCache<Digest, true>({ max: 10_000 });

  constructor(driver: string, root: string, folders: DurableFolders) {
    this.#driver = driver;
    this.#root = root;
    this.#folders = folders;
  }

  /** Size in bytes; `undefined` if there is no such file, or if it could not be opened before and still cannot. */
  stat(digest: Digest): { readonly size: number } | undefined {
    if (this.#unreadable.has(digest)) return this.#statOpened(digest);
    let found: Stats | undefined;
    try {
      // Synchronous: it takes two microseconds, and a thread pool's round trip twenty times that.
      found = statSync(this.#path(digest), { throwIfNoEntry: false });
    } catch (error) {
      if (isLost(error)) return undefined;
      throw new StorageError(this.#driver, "stat", digest, error);
    }
    return found?.isFile() ? { size: found.size } : undefined;
  }

  /**
   * The file's bytes, which the system sends directly from the file; `undefined` if there is no file of that size.
   */
  open(digest: Digest, size: number, range?: ByteRange): Blob | undefined {
    if (this.#statOpened(digest)?.size !== size) return undefined;
    return Bun.file(this.#path(digest)).slice(range?.start ?? 0, range?.end ?? size);
  }

  /** The file's bytes in pieces. The file is open from the first piece to the last. */
  async *read(digest: Digest, size: number, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(this.#driver, "read", digest, work);
    const handle = await report(() => open(this.#path(digest), "r"));
    using buffer = new PieceBuffer();
    try {
      if ((await report(() => handle.stat())).size !== size) throw this.#endedEarly(digest);
      for (let position = start; position < end; ) {
        const length = Math.min(buffer.bytes.byteLength, end - position);
        const { bytesRead } = await report(() => handle.read(buffer.bytes, 0, length, position));
        if (bytesRead === 0) throw this.#endedEarly(digest);
        position += bytesRead;
        yield buffer.bytes.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** Removes the file and its folder. */
  async delete(digest: Digest): Promise<void> {
    await reportingFailure(this.#driver, "delete", digest, async () => {
      await rm(this.#path(digest), { force: true });
      // This may remove a folder that a publish is about to use. The publish then creates it again.
      await rmdir(join(this.#root, blobFolder(digest))).catch((error: unknown) => {
        if (!isAbsent(error) && errorCode(error) !== "ENOTEMPTY") throw error;
      });
    });
  }

  /** Every blob in order. Holds the names of one two-digit folder at a time. */
  async *list(after?: Digest): AsyncGenerator<StoredBlob> {
    for (const algorithm of await this.#names(BLOBS_PREFIX)) {
      if (after !== undefined && algorithm < algorithmOf(after)) continue;
      for (const prefix of await this.#names(`${BLOBS_PREFIX}/${algorithm}`)) {
        const group = `${algorithm}:${prefix}`;
        if (after !== undefined && group < after.slice(0, group.length)) continue;
        yield* this.#listGroup(algorithm, prefix, after);
      }
    }
  }

  /**
   * Moves a synced file to its digest's path, durably.
   *
   * If a sync fails, the file stays: a push of the same bytes may have been told that they are durable. Without a link
   * nobody can reach it.
   */
  async place(path: string, digest: Digest): Promise<void> {
    await this.#move(path, digest, this.#path(digest));
    await this.#syncFolder(join(this.#root, blobFolder(digest)));
  }

  /** Like {@link stat}, but opens the file. */
  #statOpened(digest: Digest): { readonly size: number } | undefined {
    let file: number | undefined;
    try {
      file = openSync(this.#path(digest), O_RDONLY | O_NONBLOCK);
      this.#unreadable.delete(digest);
      const found = fstatSync(file);
      return found.isFile() ? { size: found.size } : undefined;
    } catch (error) {
      if (!isLost(error)) throw new StorageError(this.#driver, "open", digest, error);
      this.#unreadable.set(digest, true);
      return undefined;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  #path(digest: Digest): string {
    return `${this.#root}/${blobKey(digest)}`;
  }

  #endedEarly(digest: Digest): StorageError {
    return new StorageError(this.#driver, "read", digest, "the file does not have the expected size");
  }

  async #move(path: string, digest: Digest, target: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#folders.create(join(this.#root, blobFolder(digest)));
      try {
        await rename(path, target);
        return;
      } catch (error) {
        if (attempt === PLACE_ATTEMPTS) throw error;
        // A folder at this path is not the blob.
        if (errorCode(error) === "EISDIR") await rm(target, { recursive: true });
        else if (!isAbsent(error)) throw error;
      }
    }
  }

  /**
   * Makes a blob's folder durable. If another request deletes the blob in the meantime, there is nothing left to do.
   */
  async #syncFolder(folder: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#folders.sync(folder);
      } catch (error) {
        // If the folder above is gone too, this was no delete of the blob: the data is lost.
        if (!isAbsent(error) || attempt === PLACE_ATTEMPTS || !existsSync(dirname(folder))) throw error;
        if (!existsSync(folder)) return;
      }
    }
  }

  async *#listGroup(algorithm: string, prefix: string, after?: Digest): AsyncGenerator<StoredBlob> {
    const group = `${BLOBS_PREFIX}/${algorithm}/${prefix}`;
    for (const encoded of await this.#names(group)) {
      const digest = `${algorithm}:${encoded}`;
      if (!isDigest(digest) || encodedOf(digest).slice(0, 2) !== prefix) continue;
      if (after !== undefined && digest <= after) continue;
      const path = join(this.#root, group, encoded, DATA_NAME);
      const found = await reportingFailure(this.#driver, "list", digest, () => stat(path).catch(absent));
      if (found?.isFile()) yield { digest, size: found.size, modifiedAt: found.mtime };
    }
  }

  async #names(folder: string): Promise<readonly string[]> {
    return reportingFailure(this.#driver, "list", folder, async () => {
      const names = await readdir(join(this.#root, folder)).catch(absent);
      return names?.sort() ?? [];
    });
  }
}
