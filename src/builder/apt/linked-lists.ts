import { copyFile, readdir, rename, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { absent } from "../../files/system-error.ts";

/**
 * Replaces links among apt's lists by copies. apt links the uncompressed lists of a repository in a local folder, and so
 * they would change with the repository, before the next update.
 *
 * @param folder the folder of the lists, with apt's `partial` in it
 */
export async function copyLinkedLists(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isSymbolicLink())) {
    const [list, copy] = [join(folder, name), join(folder, "partial", name)];
    const original = await stat(list).catch(absent);
    // The repository has gone: apt says so when it reads the list.
    if (original === undefined) continue;
    await copyFile(list, copy);
    // apt compares it with the repository's.
    await utimes(copy, original.atime, original.mtime);
    await rename(copy, list);
  }
}
