import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { libc } from "./libc.ts";
import { mountNew, NO_DEV, NO_EXEC, NO_SUID } from "./mounts.ts";

const CHECK_EVERY_MS = 100;
const ALL_OTHERS = -1;
const KIB = 1024;

/**
 * Kills all other processes of this namespace, whose first process this one is, when they take too much memory together. The
 * kernel's limits are for each of them alone.
 *
 * What several processes share counts once, and files in memory do not count: they have limits of their own.
 */
export class MemoryWatch implements Disposable {
  readonly #maxBytes: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #hasKilled = false;

  /** Makes `/proc` show the processes of this namespace. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    mountNew("proc", "/proc", NO_SUID | NO_DEV | NO_EXEC, "");
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  /** Whether it has killed them. */
  get hasKilled(): boolean {
    return this.#hasKilled;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const others = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== "1");
    const total = (sizeOf: (id: string) => number) => others.reduce((sum, id) => sum + sizeOf(id), 0);
    // The exact size takes longer to find out, and is not larger.
    if (total(residentBytes) <= this.#maxBytes || total(ownBytes) <= this.#maxBytes) return;
    this.#hasKilled = true;
    libc.kill(ALL_OTHERS, constants.signals.SIGKILL);
  }
}

/** All memory of a process, whoever else has it. */
function residentBytes(id: string): number {
  return figure(`/proc/${id}/status`, /^VmRSS:\s+(\d+) kB$/m) ?? 0;
}

/** Its share of its memory. */
function ownBytes(id: string): number {
  return figure(`/proc/${id}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m) ?? residentBytes(id);
}

/** A figure in a file of kibibytes, in bytes; `undefined` if it is not there, as when the process has ended. */
function figure(path: string, line: RegExp): number | undefined {
  const kibibytes = line.exec(textOf(path))?.[1];
  return kibibytes === undefined ? undefined : KIB * Number(kibibytes);
}

/** The text of a file; empty if the process has ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
