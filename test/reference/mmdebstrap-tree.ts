import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../support/command.ts";

/** Sources are the host's, as they are for the builder. */
const SOURCES = "/etc/apt";
/** Lets `/bin` and others be links from the beginning, as in an image and as debootstrap does. */
const MERGED = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr";

/**
 * Makes the tree of packages with mmdebstrap as root.
 *
 * @param packages as `name:architecture=version`, with all that they depend on
 * @param folder for the tree, which must not exist
 */
export async function makeReferenceTree(packages: readonly string[], folder: string): Promise<void> {
  const wanted = packages.map((one) => one.replace(":all=", "=")).join(",");
  const options = ["--mode=root", "--variant=essential", MERGED, `--include=${wanted}`, "--quiet"];
  // Without a suite, essential packages come from any of the sources.
  await mustRun(["mmdebstrap", ...options, "", folder, ...(await sourcesFiles())], { LC_ALL: "C" });
}

async function sourcesFiles(): Promise<readonly string[]> {
  const parts = join(SOURCES, "sources.list.d");
  const names = (await readdir(parts)).filter((name) => /\.(?:list|sources)$/.test(name)).toSorted();
  const files = [join(SOURCES, "sources.list"), ...names.map((name) => join(parts, name))];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return files.filter((_, index) => /^[^#\s]/m.test(texts[index] ?? ""));
}
