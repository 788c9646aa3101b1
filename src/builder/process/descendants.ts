import { readdir, readFile } from "node:fs/promises";

/** The processes that `pid` started, and those that they started, as far as their parents still run. */
export async function descendantsOf(pid: number): Promise<readonly number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pairs = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => [Number(name), await parentOf(name)] as const),
  );
  const children = Map.groupBy(pairs, ([, parent]) => parent);
  const found = [pid];
  for (const one of found) found.push(...(children.get(one) ?? []).map(([child]) => child));
  return found.slice(1);
}

/** The parent of a process; `undefined` if the process has just ended. */
async function parentOf(pid: string): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The program's name is in parentheses and can contain any character.
  const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  return parent === undefined ? undefined : Number(parent);
}
