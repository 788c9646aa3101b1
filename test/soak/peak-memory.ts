import { readFileSync } from "node:fs";

/** The largest resident memory of a process so far, in bytes (proc_pid_status(5), `VmHWM`). */
export function peakMemoryBytes(pid: number): number {
  const kibibytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) * 1024;
}
