import { statfsSync } from "node:fs";

/** Bytes that this process's user can still write to the disk of a folder. Quotas are not known. @throws the system's error */
export function freeDiskBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
