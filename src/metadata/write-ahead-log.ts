import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { StorageError } from "../oci/storage-error.ts";

/**
 * The write-ahead log of a SQLite file, with every commit that is not in the file yet.
 *
 * Syncs it outside the main thread, one sync for all commits that came while the last one ran. SQLite keeps the log's
 * inode as long as any connection is open, so the handle stays valid until {@link close}. SQLite's locks are on its
 * other two files, so closing a handle of the log drops none of them.
 */
export class WriteAheadLog {
  readonly #path: string;
  readonly #handle: FileHandle;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Opens the log of the database at `databasePath`, which a connection must have open; syncs its folder entry. */
  static async open(databasePath: string): Promise<WriteAheadLog> {
    const handle = await open(`${databasePath}-wal`, "r+");
    try {
      const folder = await open(dirname(databasePath), "r");
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new WriteAheadLog(`${databasePath}-wal`, handle);
  }

  /**
   * Resolves once everything committed before the call survives a power cut.
   *
   * A failed sync fails all its waiters and every later call: the system may have dropped what it could not write, and
   * would report the next sync as a success.
   *
   * @throws {StorageError} with the system's error among its causes
   */
  synced(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      // From here on a commit may be too late for this sync, so it starts the next one.
      this.#running = this.#next?.catch(() => {}) ?? Promise.resolve();
      this.#next = undefined;
      return this.#sync();
    });
    return this.#next;
  }

  /** Closes the log after the running syncs. */
  async close(): Promise<void> {
    await this.#next?.catch(() => {});
    await this.#running;
    await this.#handle.close();
  }

  /** Fails every later {@link synced}: `cause` means that written data may not have reached the disk. */
  distrust(cause: unknown): void {
    const reason =
      "the database's log could not be synced; no commit is durable until the server is restarted";
    this.#failure ??= new StorageError(
      "sqlite",
      "sync",
      this.#path,
      new Error(reason, { cause }),
      "unsynced",
    );
  }

  /** @throws {StorageError} condition `unsynced`, once data may not have reached the disk */
  checkTrust(): void {
    if (this.#failure) throw this.#failure;
  }

  async #sync(): Promise<void> {
    if (!this.#failure) await this.#handle.datasync().catch((cause) => this.distrust(cause));
    this.checkTrust();
  }
}
