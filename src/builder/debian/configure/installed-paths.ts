import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { absent } from "../../../files/system-error.ts";
import type { HeldTree } from "../../trees/tree-cache.ts";
import { cleanTreePath, mergedPath } from "../tree-path.ts";

const INFO = "var/lib/dpkg/info";

/** The paths of all files of the packages in unpacked layers, without a leading slash and in the merged `/usr`. */
export async function installedPaths(trees: readonly HeldTree[]): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for (const tree of trees) {
    const folder = join(tree.path, INFO);
    const names = (await readdir(folder).catch(absent)) ?? [];
    for (const name of names.filter((one) => one.endsWith(".list"))) {
      const text = await readFile(join(folder, name), "utf8");
      for (const line of text.split("\n")) paths.add(mergedPath(cleanTreePath(line)));
    }
  }
  return paths;
}
