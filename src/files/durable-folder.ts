import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "./system-error.ts";

/** Makes a folder's entries durable; rejects if the disk fails. */
export type SyncFolder = (path: string) => Promise<void>;

/** Errors of a folder above ours that we may not open, or of a file system that syncs no folders. */
const NOT_OURS: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM", "EINVAL"]);

/** Syncs a folder's entries to the disk. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Creates a folder and its missing parents, only for this user. It survives a power cut once this resolves.
 *
 * Syncs all folders above it, also those that exist: an earlier start may have created them and died before it synced
 * them.
 */
export async function makeDurableFolder(path: string, sync: SyncFolder = syncFolder): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  let isOurs = first !== undefined;
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
    const parent = dirname(folder);
    try {
      await sync(parent);
    } catch (error) {
      if (isOurs || !NOT_OURS.has(errorCode(error))) throw error;
      return;
    }
    if (folder === first) isOurs = false;
  }
}
