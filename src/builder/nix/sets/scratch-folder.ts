import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isLeftBehind, THIS_PROCESS } from "../../process/process-names.ts";

/** A temporary folder. Disposing of it removes it with its content. */
export interface ScratchFolder extends AsyncDisposable {
  readonly path: string;
}

/**
 * Creates an empty folder in `parent`, which must contain only such folders and is created if needed. Removes those
 * that dead processes have left.
 */
export async function scratchFolder(parent: string): Promise<ScratchFolder> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (isLeftBehind(name)) await rm(join(parent, name), { recursive: true, force: true });
  }
  const path = await mkdtemp(join(parent, THIS_PROCESS));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
