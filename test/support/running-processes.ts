import { readFileSync } from "node:fs";
import { eventually } from "./eventually.ts";

/** Resolves once none of the processes runs any more. */
export async function haveEnded(pids: readonly number[]): Promise<void> {
  await eventually(() => !pids.some(isRunning));
}

/** Whether a process runs. One that has ended can keep its id until its parent reads its exit status. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch (cause) {
    // No such process, unless the system has no /proc.
    return (cause as NodeJS.ErrnoException).code === "ENOENT" && process.platform !== "linux";
  }
}
