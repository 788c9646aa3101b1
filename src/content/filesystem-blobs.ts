import { type Stats, statSync } from "node:fs";
import { open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ByteRange } from "../oci/byte-range.ts";
import { algorithmOf, type Digest, encodedOf, isDigest } from "../oci/digest.ts";
import { BLOBS_PREFIX, blobFolder, blobKey, DATA_NAME } from "./blob-paths.ts";
import { StorageError, type StoredBlob } from "./content-driver.ts";
import type { DurableFolders } from "./durable-folders.ts";
import type { SyncData } from "./file-appender.ts";
import { absent, errorCode, isAbsent, reportingFailure } from "./storage-failure.ts";

/** How often a blob's folder may vanish, deleted meanwhile, before placing a file into it is given up. */
const PLACE_ATTEMPTS = 5;

/** The published side of the filesystem driver: whole files at their digest's path. */
export class FilesystemBlobs {
  readonly #driver: string;
  readonly #root: string;
  readonly #folders: DurableFolders;
  readonly #syncData: SyncData;

  constructor(driver: string, root: string, folders: DurableFolders, syncData: SyncData) {
    this.#driver = driver;
    this.#root = root;
    this.#folders = folders;
    this.#syncData = syncData;
  }

  /** Size in bytes, or `undefined` when there is no such file. */
  stat(digest: Digest): { readonly size: number } | undefined {
    const path = join(this.#root, blobKey(digest));
    let found: Stats | undefined;
    try {
      // On the loop's own thread: a few microseconds, where a thread pool's round trip costs ten times that.
      found = statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw new StorageError(this.#driver, "stat", digest, error);
    }
    return found?.isFile() ? { size: found.size } : undefined;
  }

  /** The file's bytes, which the system sends straight from the file. */
  open(digest: Digest, size: number, range?: ByteRange): Blob | undefined {
    const found = this.stat(digest);
    if (found === undefined) return undefined;
    if (found.size !== size) {
      throw new StorageError(this.#driver, "open", digest, `holds ${found.size} bytes, expected ${size}`);
    }
    return Bun.file(join(this.#root, blobKey(digest))).slice(range?.start ?? 0, range?.end ?? size);
  }

  /** Removes the file and its folder. */
  async delete(digest: Digest): Promise<void> {
    await reportingFailure(this.#driver, "delete", digest, async () => {
      await rm(join(this.#root, blobKey(digest)), { force: true });
      // A folder that a publish is about to use may be removed with it: placing makes it again.
      await rmdir(join(this.#root, blobFolder(digest))).catch((error: unknown) => {
        if (!isAbsent(error) && errorCode(error) !== "ENOTEMPTY") throw error;
      });
    });
  }

  /** Every blob in order; holds the names of one folder of two hex digits at a time. */
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

  /** Makes a stored blob as durable and as young as if it were placed now; false when it is not of that size. */
  async renew(digest: Digest, size: number): Promise<boolean> {
    return reportingFailure(this.#driver, "renew", digest, async () => {
      if (this.stat(digest)?.size !== size) return false;
      const handle = await open(join(this.#root, blobKey(digest)), "r+").catch(absent);
      if (handle === undefined) return false;
      try {
        const now = new Date();
        await handle.utimes(now, now);
        await this.#syncData(handle);
      } finally {
        await handle.close();
      }
      await this.#folders.settle(join(this.#root, blobFolder(digest)));
      // Deleted since it was opened: only a name that is still there keeps the promise.
      return this.stat(digest)?.size === size;
    });
  }

  /** Moves a synced file to its digest's path, durably. When a sync fails, what it made visible is gone again. */
  async place(path: string, digest: Digest): Promise<void> {
    const target = join(this.#root, blobKey(digest));
    const replaced = this.stat(digest) !== undefined;
    await this.#move(path, digest, target);
    try {
      await this.#folders.settle(join(this.#root, blobFolder(digest)));
    } catch (error) {
      // A blob that was there before stays: others may rely on it.
      if (!replaced) await rm(target, { force: true });
      throw error;
    }
  }

  async #move(path: string, digest: Digest, target: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#folders.create(join(this.#root, blobFolder(digest)));
      try {
        await rename(path, target);
        return;
      } catch (error) {
        if (attempt === PLACE_ATTEMPTS || !isAbsent(error)) throw error;
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
