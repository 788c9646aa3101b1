import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const LARGEST_TEXT_BYTES = 2_000_000;

/** Paths, relative to `root`, of the files that are or would be under version control, in ascending order. */
export function projectFiles(root: string): readonly string[] {
  const ignored = readFileSync(join(root, ".gitignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => new Bun.Glob(line.replace(/^\/|\/$/g, "")));
  const isIgnored = (name: string) => name === ".git" || ignored.some((pattern) => pattern.match(name));
  const filesIn = (folder: string): readonly string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      if (isIgnored(entry.name)) return [];
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesIn(path);
      return entry.isFile() ? [path] : [];
    });
  return filesIn("").toSorted();
}

/** The text of a file; `undefined` if it is binary or too large to be written by a person. */
export function readText(path: string): string | undefined {
  if (statSync(path).size > LARGEST_TEXT_BYTES) return undefined;
  const text = readFileSync(path, "utf8");
  return text.includes("\0") ? undefined : text;
}
