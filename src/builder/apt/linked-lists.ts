import { randomUUID } from "node:crypto";
import { copyFile, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { absent } from "../../files/system-error.ts";

/**
 * Replaces links among apt's lists by copies. apt links the uncompressed lists of a repository in a local folder, and so
 * they would change with the repository, before the next update.
 *
 * @param folder the folder of the lists. Copies are made there, and not in `partial`, where apt's methods may put files in
 * the way; the next update removes what is left of them
 */
export async function copyLinkedLists(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isSymbolicLink())) {
    const [list, copy] = [join(folder, name), join(folder, `copied-${randomUUID()}`)];
    const original = await stat(list).catch(absent);
    // The repository has gone: apt says so when it reads the list.
    if (original === undefined) continue;
    try {
      await copyFile(list, copy);
      // apt compares it with the repository's.
      await utimes(copy, original.atime, original.mtime);
      await rename(copy, list);
    } finally {
      await rm(copy, { force: true });
    }
  }
}
