import { lstat, readdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { absent } from "../../../files/system-error.ts";
import { mergedPath } from "../tree-path.ts";
import type { DpkgPackage } from "./dpkg-package.ts";

/** A package that has a file which others have too. */
export interface FileOwner {
  readonly name: string;
  /** The path in the package, with a leading slash. */
  readonly packagedPath: string;
  /** What its file does to the others' file, if no diversion is set: dpkg refuses to overwrite what is not replaced. */
  readonly role: "replaces" | "replaced" | "refuses";
}

/** Several packages' files at one path of an image. */
export type SharedFile = readonly FileOwner[];

interface Owner {
  readonly one: DpkgPackage;
  readonly packagedPath: string;
}

const INFO = "var/lib/dpkg/info";

/**
 * Paths at which several packages have a file: they divert each other's, or one replaces the other's. Folders do not
 * count.
 *
 * @param trees folders of the layers with all these packages
 */
export async function findSharedFiles(
  packages: readonly DpkgPackage[],
  trees: readonly string[],
): Promise<readonly SharedFile[]> {
  const paths = await packagedPaths(packages, trees);
  const owners = new Map<string, Owner[]>();
  const folders = new Set<string>();
  for (const [one, packaged] of paths) {
    for (const packagedPath of packaged) {
      const path = mergedPath(packagedPath.slice(1));
      folders.add(posix.dirname(path));
      const known = owners.get(path);
      if (known === undefined) owners.set(path, [{ one, packagedPath }]);
      else known.push({ one, packagedPath });
    }
  }
  const shared: SharedFile[] = [];
  for (const [path, found] of owners) {
    if (found.length < 2 || folders.has(path) || (await isFolder(path, trees))) continue;
    shared.push(
      found.map((owner) => ({
        name: owner.one.name,
        packagedPath: owner.packagedPath,
        role: roleOf(owner, found),
      })),
    );
  }
  return shared;
}

/** The lists of all packages, as dpkg has them. */
async function packagedPaths(packages: readonly DpkgPackage[], trees: readonly string[]) {
  const lists = new Map<string, string>();
  const found = await Promise.all(trees.map((tree) => readdir(join(tree, INFO)).catch(absent)));
  for (const [index, names = []] of found.entries())
    for (const name of names) lists.set(name, join(trees[index] as string, INFO, name));
  return await Promise.all(
    packages.map(async (one) => {
      const list = lists.get(`${one.recordName}.list`);
      const text = list === undefined ? "" : await readFile(list, "utf8");
      return [one, text.split("\n").filter((path) => path.startsWith("/") && path !== "/.")] as const;
    }),
  );
}

async function isFolder(path: string, trees: readonly string[]): Promise<boolean> {
  for (const tree of trees) {
    const found = await lstat(join(tree, path)).catch(absent);
    if (found?.isDirectory() === true) return true;
  }
  return false;
}

function roleOf({ one, packagedPath }: Owner, owners: readonly Owner[]): FileOwner["role"] {
  const others = owners.filter((other) => other.one !== one);
  if (others.some((other) => other.one.replaces.includes(one.name))) return "replaced";
  // dpkg does not notice that two paths lead to one place.
  const isNoticed = others.some((other) => other.packagedPath === packagedPath);
  return isNoticed && !others.some((other) => one.replaces.includes(other.one.name)) ? "refuses" : "replaces";
}
