/**
 * Begins the names of what this process leaves in shared folders while it runs. Also tells it from an earlier process with
 * the same number, as in a container that was started again.
 */
export const THIS_PROCESS = `${process.pid}-${crypto.randomUUID().slice(0, 8)}-`;

/** Whether a name that begins with {@link THIS_PROCESS} of some process on this host is left from one that is gone. */
export function isLeftBehind(name: string): boolean {
  const pid = Number.parseInt(name, 10);
  return pid === process.pid ? !name.startsWith(THIS_PROCESS) : !isRunning(pid);
}

/** Whether a process with this number runs on this host. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // It belongs to another user.
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
