import type { TreeEntry } from "../store/read-tree.ts";

/** What people asked for by name: an output of a package, in the store. */
export interface LinkedOutput {
  /** `/nix/store/HASH-NAME`. */
  readonly storePath: string;
  /** What it was asked for as; a package that is one program gets this name. */
  readonly name: string;
  /** Of two files in one place, the one with the lower priority is linked. */
  readonly priority: number;
  /** All of it, as `readTree` lists it, in any order. */
  readonly tree: readonly TreeEntry[];
}

/** An entry of the link layer: a directory of its own, or a link into the store. */
export type LinkEntry =
  | { readonly path: string; readonly kind: "directory" }
  | { readonly path: string; readonly kind: "link"; readonly target: string };

/** Not for images: what only builds read, and what would cover the store itself. */
const LEFT_OUT: ReadonlySet<string | undefined> = new Set(["nix-support", "nix"]);
/** How many names are followed to find where a link leads; those that need more are kept as links, loops among them. */
const MAX_STEPS = 256;
/** How many links at the top of an output become directories, so that many links to a large one stay small. */
const MAX_ENTERED = 32;

/**
 * What one output puts into the link layer: each path once, in any order.
 *
 * Its directories become directories, and each file becomes a link to it. A link does as well, but for one at the top of
 * the output that leads to a directory of the same output, as in `sbin -> bin`: it becomes a directory with links to
 * what is there. An output that is one program becomes `bin/NAME`; one that is another file or a link gives nothing.
 */
export function outputLinks({ storePath, name, tree }: LinkedOutput): readonly LinkEntry[] {
  const root = tree.find(({ path }) => path === "");
  if (root?.kind !== "directory") {
    if (root?.kind !== "executable" || !isFileName(name)) return [];
    return [directoryAt("bin"), linkAt(`bin/${name}`, storePath)];
  }
  const entries = tree.filter(({ path }) => path !== "" && !LEFT_OUT.has(path.split("/", 1)[0]));
  const entered = enteredLinks(entries, storePath);
  return entries.flatMap((entry) => {
    const behind = entered.get(entry.path);
    if (behind === undefined) return [entryAt(entry.path, entry, storePath)];
    return [directoryAt(entry.path), ...entriesBehind(entry.path, behind, entries, storePath)];
  });
}

/** The links at the top that lead to directories of the output, with the paths of these. */
function enteredLinks(entries: readonly TreeEntry[], storePath: string): ReadonlyMap<string, string> {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const found = entries
    .filter(({ path, kind }) => kind === "link" && !path.includes("/"))
    .map(({ path }) => [path, directoryBehind(path, byPath, storePath)] as const)
    .filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  return new Map(found.slice(0, MAX_ENTERED));
}

/** The directory that `path` leads to inside the output; the output itself is the empty string. */
function directoryBehind(
  path: string,
  entries: ReadonlyMap<string, TreeEntry>,
  storePath: string,
): string | undefined {
  const place: string[] = [];
  const ahead = [path];
  let steps = 0;
  for (let part = ahead.shift(); part !== undefined; part = ahead.shift()) {
    steps += 1;
    if (steps > MAX_STEPS) return undefined;
    if (part === "..") {
      if (place.pop() === undefined) return undefined;
      continue;
    }
    const entry = entries.get([...place, part].join("/"));
    if (entry?.kind === "directory") {
      place.push(part);
      continue;
    }
    const target = entry?.target && targetInside(entry.target, storePath);
    if (target === undefined) return undefined;
    if (entry?.target?.startsWith("/")) place.length = 0;
    ahead.unshift(...target.split("/").filter((name) => name !== "" && name !== "."));
  }
  return place.join("/");
}

/** A link's target, as seen from where the link is, or from the output's top; `undefined` if it is another path's. */
function targetInside(target: string, storePath: string): string | undefined {
  if (!target.startsWith("/")) return target;
  return `${target}/`.startsWith(`${storePath}/`) ? target.slice(storePath.length) : undefined;
}

/** What is in the directory `behind`, at the place that it has through a link to it. */
function entriesBehind(
  link: string,
  behind: string,
  entries: readonly TreeEntry[],
  storePath: string,
): readonly LinkEntry[] {
  const prefix = behind === "" ? "" : `${behind}/`;
  return entries
    .filter(({ path }) => path.startsWith(prefix))
    .map((entry) => entryAt(`${link}/${entry.path.slice(prefix.length)}`, entry, storePath));
}

function entryAt(path: string, { kind }: TreeEntry, storePath: string): LinkEntry {
  return kind === "directory" ? directoryAt(path) : linkAt(path, `${storePath}/${path}`);
}

function directoryAt(path: string): LinkEntry {
  return { path, kind: "directory" };
}

function linkAt(path: string, target: string): LinkEntry {
  return { path, kind: "link", target };
}

function isFileName(name: string): boolean {
  return !["", ".", ".."].includes(name) && !/[/\0]/.test(name);
}
