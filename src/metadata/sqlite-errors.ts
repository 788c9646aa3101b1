import { dirname } from "node:path";
import { freeDiskBytes } from "../files/free-disk-bytes.ts";
import { type StorageCondition, StorageError } from "../oci/storage-error.ts";

/** SQLite's primary result codes that show the condition of the file or the disk. */
const CONDITIONS: readonly (readonly [string, StorageCondition])[] = [
  ["SQLITE_FULL", "full"],
  ["SQLITE_READONLY_DBMOVED", "gone"],
  ["SQLITE_READONLY", "read-only"],
  ["SQLITE_BUSY", "busy"],
  ["SQLITE_LOCKED", "busy"],
  ["SQLITE_PROTOCOL", "busy"],
  ["SQLITE_PERM", "denied"],
  ["SQLITE_CORRUPT", "damaged"],
  ["SQLITE_NOTADB", "damaged"],
  ["SQLITE_CANTOPEN", "failing"],
  ["SQLITE_IOERR", "failing"],
];

/**
 * Minimum free space, in bytes. With less, an I/O error counts as a full disk, because SQLite reports some full disks
 * as I/O errors.
 */
const MIN_FREE_BYTES = 256 << 10;

/** Turns errors of SQLite for the file at `path` into a {@link StorageError}; returns other errors unchanged. */
export function sqliteFailure(operation: string, path: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const found = CONDITIONS.find(([prefix]) => code.startsWith(prefix));
  if (found === undefined) return error;
  const condition = found[1] === "failing" && !hasFreeSpace(path) ? "full" : found[1];
  return new StorageError("sqlite", operation, path, error, condition);
}

function hasFreeSpace(path: string): boolean {
  try {
    return freeDiskBytes(dirname(path)) >= MIN_FREE_BYTES;
  } catch {
    return true;
  }
}
