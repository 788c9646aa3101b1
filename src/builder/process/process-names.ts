/**
 * Prefix for the names of this process's files in shared folders. It differs even from that of an earlier process with
 * the same id, such as in a restarted container.
 */
export const THIS_PROCESS = `${process.pid}-${crypto.randomUUID().slice(0, 8)}-`;

/**
 * Whether a name that begins with some process's {@link THIS_PROCESS} is left over from a dead process of this host.
 */
export function isLeftBehind(name: string): boolean {
  const pid = Number.parseInt(name, 10);
  return pid === process.pid ? !name.startsWith(THIS_PROCESS) : !isRunning(pid);
}

/** Whether a process with this id runs on this host. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // It belongs to another user.
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
