import type { TreeEntry } from "../store/read-tree.ts";

/** An output that people asked for by name, in the store. */
export interface LinkedOutput {
  /** `/nix/store/HASH-NAME`. */
  readonly storePath: string;
  /** The name by which it was requested. A package that is a single program gets this name. */
  readonly name: string;
  /** If two outputs have the same file, the one with the lower number is linked. */
  readonly priority: number;
  /** All its entries, as `readTree` lists them, in any order. */
  readonly tree: readonly TreeEntry[];
}

/** An entry of the link layer: a directory, or a link into the store. */
export type LinkEntry =
  | { readonly path: string; readonly kind: "directory" }
  | { readonly path: string; readonly kind: "link"; readonly target: string };

/** Names that get no link: one is read only by builds, the other would hide the store itself. */
const LEFT_OUT: ReadonlySet<string | undefined> = new Set(["nix-support", "nix"]);
/** Maximum names to follow to find where a link leads. Links that need more, such as loops, stay links. */
const MAX_STEPS = 256;
/**
 * Maximum links at the top of an output that become directories, so that many links to one large directory stay small.
 */
const MAX_ENTERED = 32;

/**
 * What one output puts into the link layer: each path once, in any order.
 *
 * Its directories become directories. Each file or link becomes a link to it, with one exception: a link at the top of
 * the output that leads to a directory of the same output, as in `sbin -> bin`, becomes a directory with links to that
 * directory's content. An output that is one program becomes `bin/NAME`; one that is another file or a link gives
 * nothing.
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

/** The links at the top that lead to directories of the output, with the paths of those directories. */
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

/**
 * The parts of a link's target; from the output's top if it is absolute. `undefined` if it is in another store path.
 */
function targetInside(target: string, storePath: string): string | undefined {
  if (!target.startsWith("/")) return target;
  return `${target}/`.startsWith(`${storePath}/`) ? target.slice(storePath.length) : undefined;
}

/** The content of the directory `behind`, with the paths that it has below a link to that directory. */
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
