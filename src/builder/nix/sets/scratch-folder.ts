import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isRunning } from "./running-process.ts";

/** A folder for a while. Disposing of it removes it with its content. */
export interface ScratchFolder extends AsyncDisposable {
  readonly path: string;
}

/** Tells this process from one before it that had the same number, as in a container that was started again. */
const THIS_PROCESS = `${process.pid}-${crypto.randomUUID().slice(0, 8)}-`;

/**
 * A new, empty folder in `parent`, which is created if need be and has nothing else in it. Removes what processes that
 * are gone have left there.
 */
export async function scratchFolder(parent: string): Promise<ScratchFolder> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (isLeft(name)) await rm(join(parent, name), { recursive: true, force: true });
  }
  const path = await mkdtemp(join(parent, THIS_PROCESS));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function isLeft(name: string): boolean {
  const pid = Number.parseInt(name, 10);
  return pid === process.pid ? !name.startsWith(THIS_PROCESS) : !isRunning(pid);
}
