import type { ChildProcess } from "node:child_process";
import { descendantsOf } from "./descendants.ts";

/**
 * Time between two SIGTERMs, in milliseconds. Nix misses a signal that arrives just before it starts to wait for a
 * builder.
 */
const ASK_AGAIN_MS = 500;

/**
 * A function that stops a command, which leads a process group, and everything it started. It sends SIGTERM to the
 * group repeatedly, so that the command can end its processes in other groups. After `graceMs` it kills the group, and
 * the command's descendants in other groups, such as Nix's builders.
 *
 * Works as long as the command's outputs are open; children that outlive the command keep them open. After that, the id
 * of the group can belong to other processes.
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
      // All of them have ended already.
      if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
    }
  };
  const killAll = async (pid: number) => {
    // Find the descendants before the command ends, because they then lose their parent.
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
