import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * The log beside a SQLite file, which holds every commit that is not in the file itself yet.
 *
 * Syncs it off the main thread, one sync for all commits that came while the last one ran. SQLite keeps the log's
 * inode for as long as any connection is open, so the handle stays good until {@link close}. SQLite's locks are on
 * its other two files; closing a handle of the log drops none of them.
 */
export class WriteAheadLog {
  readonly #handle: FileHandle;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** The log of the database at `databasePath`, which a connection has open; its entry in the folder is synced. */
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
    return new WriteAheadLog(handle);
  }

  /**
   * Resolves once everything committed before the call survives a power cut.
   *
   * A failed sync fails all its waiters and every later call: the system may have dropped what it could not write,
   * and would report the next sync as a success.
   *
   * @throws {Error} with the system's error as its cause
   */
  synced(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      // From here on a commit may come too late for this sync, so it begins the next one.
      this.#running = this.#next?.catch(() => {}) ?? Promise.resolve();
      this.#next = undefined;
      return this.#sync();
    });
    return this.#next;
  }

  /** Ends the use of the log after the syncs under way. */
  async close(): Promise<void> {
    await this.#next?.catch(() => {});
    await this.#running;
    await this.#handle.close();
  }

  /** Fails every later {@link synced}, since `cause` tells that what was written may not have reached the disk. */
  distrust(cause: unknown): void {
    this.#failure ??= new Error(
      "the database's log could not be synced; no commit is durable until a restart",
      {
        cause,
      },
    );
  }

  async #sync(): Promise<void> {
    if (!this.#failure) await this.#handle.datasync().catch((cause) => this.distrust(cause));
    if (this.#failure) throw this.#failure;
  }
}
