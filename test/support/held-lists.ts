import { join } from "node:path";

/**
 * Blocks all builds that use an apt workspace, before they resolve their packages. Disposing lets them continue.
 *
 * It does what another process does while it replaces the package lists. The workspace's folder must exist.
 */
export async function holdLists(workspace: string): Promise<AsyncDisposable> {
  const command = ["flock", "--exclusive", join(workspace, "lists.lock"), "sh", "-c", "echo held; cat"];
  const holder = Bun.spawn(command, { stdin: "pipe", stdout: "pipe" });
  const { value } = await holder.stdout.getReader().read();
  if (value === undefined) throw new Error("the package lists cannot be locked");
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await holder.exited;
    },
  };
}
