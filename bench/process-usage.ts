import { readdirSync, readFileSync, writeFileSync } from "node:fs";

// Linux reports process times to user space in hundredths of a second, whatever the kernel's own clock.
const TICKS_PER_SECOND = 100;

/** The ids of the process `root` and all its descendants. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = statFields(Number(name))?.[1];
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const withDescendants = (pid: number): readonly number[] => [
    pid,
    ...(children.get(pid) ?? []).flatMap(withDescendants),
  ];
  return withDescendants(root);
}

/** Seconds of processor time that these processes, and their children that have ended, have used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) =>
    (statFields(pid)?.slice(11, 15) ?? []).reduce((sum, value) => sum + value, 0),
  );
  return ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND;
}

/** Resets the peak of resident memory, so that {@link peakMemoryBytes} covers only what follows. */
export function resetPeakMemory(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Sum of the peak resident memory of these processes in bytes (`VmHWM`). */
export function peakMemoryBytes(pids: readonly number[]): number {
  const peaks = pids.map((pid) => {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kibibytes ?? 0) * 1024;
  });
  return peaks.reduce((sum, value) => sum + value, 0);
}

/**
 * Fields of `/proc/PID/stat` after the command's name, from the state (field 3) on; `undefined` if the process has
 * ended.
 */
function statFields(pid: number): readonly number[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
