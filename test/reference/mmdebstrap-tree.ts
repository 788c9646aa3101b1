import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../support/command.ts";
import { packagesOf } from "./image-tree.ts";

/** Sources are the host's, as they are for the builder. */
const SOURCES = "/etc/apt";
/** Lets `/bin` and others be links from the beginning, as in an image and as debootstrap does. */
const MERGED = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr";

/**
 * Makes the tree of packages with mmdebstrap as root, from the host's sources.
 *
 * @param packages as {@link packagesOf} has them, with all that they depend on
 * @param folder for the tree, which must not exist
 * @throws {Error} if mmdebstrap installed others
 */
export async function makeReferenceTree(packages: readonly string[], folder: string): Promise<void> {
  await installReferenceTree(packages, folder, await hostSources());
  await requirePackages(packages, folder);
}

/** Has mmdebstrap install packages from the files in `sources`. */
export async function installReferenceTree(
  packages: readonly string[],
  folder: string,
  sources: readonly string[],
): Promise<void> {
  const wanted = packages.map((one) => one.replace(":all=", "=")).join(",");
  const options = ["--mode=root", "--variant=essential", "--format=directory", MERGED, `--include=${wanted}`];
  // Without a suite, essential packages come from any of the sources.
  await mustRun(["mmdebstrap", "--quiet", ...options, "", folder, ...sources], { LC_ALL: "C" });
}

/** @throws {Error} unless a tree has exactly these packages */
export async function requirePackages(packages: readonly string[], tree: string): Promise<void> {
  const difference = new Set(packages).symmetricDifference(new Set(await packagesOf(tree)));
  if (difference.size > 0)
    throw new Error(`mmdebstrap did not install the same packages: ${[...difference].join(", ")}`);
}

async function hostSources(): Promise<readonly string[]> {
  const parts = join(SOURCES, "sources.list.d");
  const names = (await readdir(parts)).filter((name) => /\.(?:list|sources)$/.test(name)).toSorted();
  const files = [join(SOURCES, "sources.list"), ...names.map((name) => join(parts, name))];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return files.filter((_, index) => /^[^#\s]/m.test(texts[index] ?? ""));
}
