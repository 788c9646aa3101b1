/** Whether a process with this number runs on this host. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    // It belongs to another user.
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
