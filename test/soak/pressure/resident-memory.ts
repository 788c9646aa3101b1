import { readFileSync, writeFileSync } from "node:fs";

const SAMPLE_EVERY_MS = 100;

/** Watches the resident memory of a process, phase by phase. */
export class ResidentMemory implements Disposable {
  readonly #pid: number;
  readonly #timer: Timer;
  #sampledPeak = 0;
  #largest = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_EVERY_MS);
  }

  /**
   * Largest resident memory since the last call, in bytes: the kernel's peak, or the largest sample if that is more.
   */
  takePeak(): number {
    this.#sample();
    const peak = Math.max(this.#sampledPeak, statusBytes(this.#pid, "VmHWM"));
    this.#largest = Math.max(this.#largest, peak);
    this.#sampledPeak = 0;
    resetPeak(this.#pid);
    return peak;
  }

  /** Largest resident memory of all phases so far, in bytes. */
  get largest(): number {
    return this.#largest;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    this.#sampledPeak = Math.max(this.#sampledPeak, statusBytes(this.#pid, "VmRSS"));
  }
}

/** A field of the process's status, in bytes; 0 if the process has ended. */
function statusBytes(pid: number, field: "VmHWM" | "VmRSS"): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Resets the kernel's peak (proc_pid_clear_refs(5)). If that is forbidden, a phase's peak includes earlier phases. */
function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // The peak of all phases is still right.
  }
}
