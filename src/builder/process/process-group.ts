import type { ChildProcess } from "node:child_process";
import { descendantsOf } from "./descendants.ts";

/** Nix misses a signal that comes just before it begins to wait for a builder. */
const ASK_AGAIN_MS = 500;

/**
 * A function that stops a command and everything it started, which is a process group of its own: it asks them to end
 * (SIGTERM), again and again, so that a command can end what runs elsewhere on its behalf, and kills them `graceMs` later, with those that
 * it started in other groups, as Nix starts its builders.
 *
 * Works as long as the command's outputs are open: its children may outlive it and keep them open. Once they are closed,
 * the number of its group may belong to other processes.
 */
export function groupStopper(child: ChildProcess, graceMs: number): () => void {
  let isClosed = false;
  let asking: ReturnType<typeof setInterval> | undefined;
  let killing: ReturnType<typeof setTimeout> | undefined;
  child.once("close", () => {
    isClosed = true;
    clearInterval(asking);
    clearTimeout(killing);
  });
  const signal = (target: number, name: NodeJS.Signals) => {
    if (isClosed) return;
    try {
      process.kill(target, name);
    } catch (cause) {
      // They have all ended already.
      if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
    }
  };
  const killAll = async (pid: number) => {
    // Found before the command ends, which would leave them without a parent.
    const others = await descendantsOf(pid);
    for (const target of [-pid, ...others]) signal(target, "SIGKILL");
  };
  return () => {
    const { pid } = child;
    if (pid === undefined) return;
    signal(-pid, "SIGTERM");
    if (isClosed) return;
    asking ??= setInterval(() => signal(-pid, "SIGTERM"), ASK_AGAIN_MS);
    killing ??= setTimeout(() => void killAll(pid), graceMs);
  };
}
