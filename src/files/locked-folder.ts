import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { FolderLock } from "./file-lock.ts";

/** A new folder that other processes leave alone while its lock is held. */
export interface LockedFolder {
  readonly path: string;
  readonly lock: FolderLock;
}

/** Makes a folder with a new name in `parent`. Its maker releases the lock. */
export async function makeLockedFolder(parent: string, prefix: string): Promise<LockedFolder> {
  for (;;) {
    const path = await mkdtemp(join(parent, prefix));
    const lock = FolderLock.tryAcquire(path);
    if (lock instanceof FolderLock) return { path, lock };
    // Another process, which was starting, took it for one that a dead process left.
  }
}

/** Calls `remove` for each folder that {@link makeLockedFolder} made for a process that is dead now. */
export async function removeAbandoned(
  parent: string,
  prefix: string,
  remove: (path: string) => Promise<void>,
): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const lock = FolderLock.tryAcquire(join(parent, name));
    if (!(lock instanceof FolderLock)) continue;
    using _lock = lock;
    await remove(join(parent, name));
  }
}
