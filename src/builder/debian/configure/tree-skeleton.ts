import { mergedFoldersOf, type PackageFacts } from "../package-facts.ts";
import type { DatabaseEntry } from "./dpkg-database.ts";

/** What every Debian system has although no layer of a package does: the merged folders, and folders that are links. */
export function treeSkeleton(
  packages: readonly PackageFacts[],
  architecture: string,
): readonly DatabaseEntry[] {
  const names = mergedFoldersOf(packages, architecture);
  return [
    ...names.map((name) => link(name, `usr/${name}`)),
    folder("usr"),
    ...names.map((name) => folder(`usr/${name}`)),
    folder("var"),
    link("var/lock", "/run/lock"),
    link("var/run", "/run"),
  ];
}

function link(path: string, target: string): DatabaseEntry {
  return { path, type: "symlink", mode: 0o777, text: target, shipped: true };
}

function folder(path: string): DatabaseEntry {
  return { path, type: "directory", mode: 0o755, text: "", shipped: true };
}
