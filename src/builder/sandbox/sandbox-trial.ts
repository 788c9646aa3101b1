import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { tarEntryHeader } from "../archive/tar-entry.ts";
import { TAR_END } from "../archive/tar-header.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { Sandbox, SandboxAvailability } from "./sandbox.ts";

const ENTRY = { userId: 1, groupId: 1, size: 0, modifiedAt: 0, linkTarget: "", capability: undefined };
/** CAP_NET_RAW, permitted and effective, in the form of version 2. */
const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");
const MEANS = "namespaces by unshare, 65536 ids, overlay, system call filter";
/** What a program that is a folder exits with: everything up to its start worked. */
const NOT_EXECUTABLE = 126;

/**
 * Does once all that a sandbox does, in a small tree without programs, below `folder`: ids, capabilities, the overlay,
 * mounts, limits, the filter, and reading the changes.
 */
export async function trySandbox(
  sandbox: Pick<Sandbox, "unpack" | "remove" | "run">,
  folder: string,
): Promise<SandboxAvailability> {
  const { signal } = new AbortController();
  const tree = join(folder, `trial-${randomUUID()}`);
  try {
    await sandbox.unpack(trialArchive(), tree, signal);
    try {
      const order = { lowers: [tree], files: [], environment: {}, limits: DEFAULT_LIMITS } as const;
      await using run = await sandbox.run({ ...order, command: ["/"] }, signal);
      if (run.end.how !== "exited" || run.end.exitCode !== NOT_EXECUTABLE) {
        return {
          available: false,
          reason: oneLine(`a trial ended with ${JSON.stringify(run.end)}: ${run.output}`),
        };
      }
      for await (const _ of run.changes());
    } finally {
      await sandbox.remove(tree);
    }
    return { available: true, detail: MEANS };
  } catch (error) {
    return { available: false, reason: oneLine(error instanceof Error ? error.message : String(error)) };
  }
}

async function* trialArchive(): AsyncGenerator<Uint8Array> {
  yield tarEntryHeader({ ...ENTRY, path: "folder/", type: "directory", mode: 0o2755 });
  yield tarEntryHeader({ ...ENTRY, path: "folder/file", type: "file", mode: 0o755, capability: CAPABILITY });
  yield tarEntryHeader({ ...ENTRY, path: "folder/link", type: "symlink", mode: 0o777, linkTarget: "file" });
  yield TAR_END;
}

/** The reason in one line, with what helps if it is a common one. */
function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  if (/unshare failed: (?:Operation not permitted|No space left)/.test(line)) {
    return `${line}; allow user namespaces (sysctl user.max_user_namespaces; in a container, its security profile)`;
  }
  if (/^mount overlay/.test(line)) {
    return `${line}; the kernel (5.11 or newer) or the file system of the data folder has no overlays for users`;
  }
  if (/^mount proc/.test(line)) return `${line}; in a container, allow a proc that is not masked`;
  return line;
}
