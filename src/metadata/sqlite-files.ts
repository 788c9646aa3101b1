import { type Stats, statSync } from "node:fs";
import { StorageError } from "../oci/storage-error.ts";

/**
 * The files of an open SQLite database: the database and its log.
 *
 * SQLite keeps using files that were removed or replaced, so its commits are lost. No other file gets their inode
 * numbers while they are open.
 */
export class SqliteFiles {
  readonly #path: string;
  readonly #opened: readonly (readonly [string, Stats])[];

  /** Remembers the files of the database at `path`, which a connection must have open in WAL mode. */
  constructor(path: string) {
    this.#path = path;
    this.#opened = [path, `${path}-wal`].map((file) => [file, statSync(file)]);
  }

  /**
   * Checks that a restart would find the open files. Takes a few microseconds.
   *
   * @throws {StorageError} condition `gone`
   */
  checkPresence(): void {
    for (const [file, opened] of this.#opened) {
      const found = this.#find(file);
      if (found?.ino === opened.ino && found.dev === opened.dev && !this.#isEmptied(file, found)) continue;
      throw new StorageError("sqlite", "find", file, `the file ${lossOf(found, opened)}`, "gone");
    }
  }

  /** Only the log may be empty. */
  #isEmptied(file: string, { size }: Stats): boolean {
    return file === this.#path && size === 0;
  }

  #find(file: string): Stats | undefined {
    try {
      return statSync(file, { throwIfNoEntry: false });
    } catch (error) {
      throw new StorageError("sqlite", "find", file, error);
    }
  }
}

function lossOf(found: Stats | undefined, opened: Stats): string {
  if (found === undefined) return "was removed";
  return found.ino === opened.ino && found.dev === opened.dev ? "was emptied" : "was replaced";
}
