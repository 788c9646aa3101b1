import type { ChildProcess } from "node:child_process";

/**
 * A function that stops a command and everything it started, which is a process group of its own: it asks them to end
 * (SIGTERM), so that a command can end what runs elsewhere on its behalf, and kills them `graceMs` later.
 *
 * Works as long as the command's outputs are open: its children may outlive it and keep them open. Once they are closed,
 * the number of its group may belong to other processes.
 */
export function groupStopper(child: ChildProcess, graceMs: number): () => void {
  let isClosed = false;
  let killing: ReturnType<typeof setTimeout> | undefined;
  child.once("close", () => {
    isClosed = true;
    clearTimeout(killing);
  });
  const signalGroup = (signal: NodeJS.Signals) => {
    if (isClosed || child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch (cause) {
      // They have all ended already.
      if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
    }
  };
  return () => {
    signalGroup("SIGTERM");
    if (!isClosed) killing ??= setTimeout(() => signalGroup("SIGKILL"), graceMs);
  };
}
