import { closeSync, fstatSync, openSync, type Stats, statSync } from "node:fs";
import { StorageError } from "../oci/storage-error.ts";

/** An open folder that can check whether it is still at its path. */
export class RootFolder implements Disposable {
  readonly path: string;
  readonly #driver: string;
  // It stays open, so that no other folder can get its inode number.
  readonly #descriptor: number;
  readonly #opened: Stats;
  #isClosed = false;

  /** Opens an existing folder. @throws {Error} the system's error */
  constructor(driver: string, path: string) {
    this.#driver = driver;
    this.path = path;
    this.#descriptor = openSync(path, "r");
    this.#opened = fstatSync(this.#descriptor);
  }

  /**
   * Checks that the path still leads to this folder: that it was not removed, replaced or unmounted. Takes a few
   * microseconds.
   *
   * @throws {StorageError} condition `gone`
   */
  checkPresence(): void {
    const found = this.#find();
    if (found?.ino === this.#opened.ino && found.dev === this.#opened.dev) return;
    const reason = found === undefined ? "the folder was removed" : "another folder replaced it";
    throw new StorageError(this.#driver, "find", this.path, reason, "gone");
  }

  [Symbol.dispose](): void {
    if (!this.#isClosed) closeSync(this.#descriptor);
    this.#isClosed = true;
  }

  #find(): Stats | undefined {
    try {
      return statSync(this.path, { throwIfNoEntry: false });
    } catch (error) {
      throw new StorageError(this.#driver, "find", this.path, error);
    }
  }
}
