import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** A digest of the lists in a folder. Reads the signed release files of the mirrors instead of the lists themselves. */
export async function listsDigest(folder: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const name of (await readdir(folder)).toSorted()) {
    if (!/_(?:In)?Release$|_Packages/.test(name)) continue;
    const path = join(folder, name);
    hash.update(`${name} ${(await stat(path)).size}\n`);
    if (name.endsWith("Release")) hash.update(await readFile(path));
  }
  return hash.digest("hex");
}

/** The suites and code names of the releases in a folder. */
export async function suitesOfLists(folder: string): Promise<ReadonlySet<string>> {
  const files = (await readdir(folder)).filter((name) => name.endsWith("Release"));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
  // The list of files, which is long, comes after these fields.
  const fields = texts.flatMap((text) => [...text.matchAll(/^(?:Suite|Codename): *(\S+) *$/gm)]);
  return new Set(fields.map(([, suite]) => suite ?? ""));
}
