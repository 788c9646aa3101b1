import { randomBytes } from "node:crypto";
import { mkdtempSync, rmdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { temporaryFolder } from "./temporary-folder.ts";

const FILLER = "filler";

/** A separate file system that a test can fill to the last byte. Disposing of it unmounts it. */
export interface SmallFileSystem extends AsyncDisposable {
  /** A folder on it. */
  readonly path: string;
  /** Fills it with a file, except for `spare` bytes. */
  fill(spare?: number): void;
  /** Removes that file again. */
  free(): void;
}

/** Whether this process can mount file systems, which needs root. */
export function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !Bun.which("mount")) return false;
  const folder = mkdtempSync(join(tmpdir(), "slipway-mount-"));
  const allowed = mount(folder, 1);
  if (allowed) Bun.spawnSync(["umount", folder]);
  rmdirSync(folder);
  return allowed;
}

/** Mounts a file system in memory. */
export async function smallFileSystem(mebibytes: number): Promise<SmallFileSystem> {
  const folder = await temporaryFolder("disk");
  if (!mount(folder.path, mebibytes)) throw new Error("cannot mount a file system");
  const path = join(folder.path, "data");
  await mkdir(path);
  const filler = join(folder.path, FILLER);
  return {
    path,
    fill: (spare = 0) => fill(filler, spare),
    free: () => rmSync(filler, { force: true }),
    async [Symbol.asyncDispose]() {
      // Lazily, because a server that a failed test left running may still have files open.
      Bun.spawnSync(["umount", "--lazy", folder.path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function fill(filler: string, spare: number): void {
  for (const block of [1 << 20, 4096]) {
    try {
      for (;;) writeFileSync(filler, randomBytes(block), { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
  if (spare > 0) truncateSync(filler, statSync(filler).size - spare);
}

function mount(path: string, mebibytes: number): boolean {
  return Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "slipway-test", path]).success;
}
