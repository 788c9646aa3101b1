import { readFile, writeFile } from "node:fs/promises";
import { SandboxError } from "./sandbox.ts";

/** Number of user ids, and of group ids, that a sandbox has: 0 to 65,535. */
const ID_COUNT = 65_536;
/** The first of the host's ids for a sandbox of root, if `/etc/subuid` has no line for root. */
const DEFAULT_FIRST_ID = 1_879_048_192;

/** How ids of the sandbox become ids of the host. */
export type IdMap =
  /** All are moved up by `firstId`; root writes the map. */
  | { readonly kind: "moved"; readonly firstId: number }
  /** 0 is this user, the rest begins at `firstUser` and `firstGroup`; `newuidmap` and `newgidmap` write the map. */
  | { readonly kind: "subordinate"; readonly firstUser: number; readonly firstGroup: number };

/** Finds the path of a program; `undefined` if it is not installed. */
export type FindProgram = (program: string) => string | undefined;

/**
 * The map for a sandbox of this process's user.
 *
 * @param firstId for root: the first of 65,536 ids that nobody on the host has
 * @throws {SandboxError} with the remedy, if this user has too few ids
 */
export async function chooseIdMap(find: FindProgram, firstId?: number): Promise<IdMap> {
  const uid = process.getuid?.();
  const ranges = await Promise.all(
    ["/etc/subuid", "/etc/subgid"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  const [users = "", groups = ""] = ranges;
  if (uid === 0) {
    return {
      kind: "moved",
      firstId: firstId ?? firstSubordinate(users, ["root", "0"], ID_COUNT) ?? DEFAULT_FIRST_ID,
    };
  }
  const username = await userName(find);
  const owner = [username, `${uid}`];
  const firstUser = firstSubordinate(users, owner, ID_COUNT - 1);
  const firstGroup = firstSubordinate(groups, owner, ID_COUNT - 1);
  if (firstUser === undefined || firstGroup === undefined) {
    throw new SandboxError(
      `needs 65535 subordinate user and group ids for ${username} (usermod --add-subuids, --add-subgids)`,
    );
  }
  if (find("newuidmap") === undefined || find("newgidmap") === undefined) {
    throw new SandboxError("needs newuidmap and newgidmap (package uidmap)");
  }
  return { kind: "subordinate", firstUser, firstGroup };
}

/** The first id of the first range of at least `count` ids that a file like `/etc/subuid` gives to one of `owners`. */
export function firstSubordinate(text: string, owners: readonly string[], count: number): number | undefined {
  for (const line of text.split("\n")) {
    const [owner = "", first = "", size = ""] = line.trim().split(":");
    if (owners.includes(owner) && /^\d+$/.test(first) && /^\d+$/.test(size) && Number(size) >= count) {
      return Number(first);
    }
  }
  return undefined;
}

/**
 * Gives the user namespace of the process `pid` its ids.
 *
 * @throws {SandboxError} if the system refuses
 */
export async function writeIdMap(map: IdMap, pid: number, find: FindProgram): Promise<void> {
  if (map.kind === "moved") {
    const line = `0 ${map.firstId} ${ID_COUNT}\n`;
    for (const file of ["uid_map", "gid_map"]) {
      await writeFile(`/proc/${pid}/${file}`, line).catch((cause: NodeJS.ErrnoException) => {
        throw new SandboxError(
          `the ids from ${map.firstId} on cannot be used (${cause.code}); name 65536 others that nobody has`,
          { cause },
        );
      });
    }
    return;
  }
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  await runHelper(find, "newuidmap", [pid, 0, uid, 1, 1, map.firstUser, ID_COUNT - 1]);
  await runHelper(find, "newgidmap", [pid, 0, gid, 1, 1, map.firstGroup, ID_COUNT - 1]);
}

async function runHelper(find: FindProgram, program: string, values: readonly number[]): Promise<void> {
  const path = find(program) ?? program;
  const helper = Bun.spawn([path, ...values.map(String)], { stdio: ["ignore", "ignore", "pipe"], env: {} });
  const [complaint, exitCode] = await Promise.all([new Response(helper.stderr).text(), helper.exited]);
  if (exitCode !== 0) throw new SandboxError(`${program} failed: ${complaint.trim().slice(0, 500)}`);
}

/** The account's name; the number of a user who has none. Not from `userInfo`, which believes the environment. */
async function userName(find: FindProgram): Promise<string> {
  const child = Bun.spawn([find("id") ?? "id", "-un"], { stdio: ["ignore", "pipe", "ignore"], env: {} });
  const [name, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  return exitCode === 0 ? name.trim() : `${process.getuid?.()}`;
}
