import { type LinkEntry, type LinkedOutput, outputLinks } from "./output-links.ts";

/** A path that several outputs have. */
export interface LinkCollision {
  readonly path: string;
  /** The store path that gets it; for a directory, which several can share, the first one. */
  readonly chosen: string;
  /** The store paths whose file or link is left out. */
  readonly others: readonly string[];
}

/** The union of several outputs. */
export interface LinkTree {
  /** Each path once, in ascending order, so a directory comes before its content. */
  readonly entries: readonly LinkEntry[];
  /** For the log, in ascending order of path. */
  readonly collisions: readonly LinkCollision[];
}

/** The outputs that have a path, the winner first. */
interface Claims {
  readonly directories: string[];
  readonly links: { readonly storePath: string; readonly target: string }[];
}

/**
 * The directories and links that show the files of all `outputs` in one tree; their order does not matter.
 *
 * If outputs collide, a directory wins over a file, then the lower priority number wins, then the lower name. Files
 * whose names are not UTF-8 are not in the trees and get no links, but they are in the store.
 */
export function linkTree(outputs: readonly LinkedOutput[]): LinkTree {
  const claims = new Map<string, Claims>();
  for (const output of ranked(outputs)) {
    for (const entry of outputLinks(output)) claim(claims, entry, output.storePath);
  }
  const places = [...claims].toSorted(([left], [right]) => compare(left, right));
  return {
    entries: places.map(([path, claimed]) => entryOf(path, claimed)),
    collisions: places.flatMap(([path, claimed]) => collisionsOf(path, claimed)),
  };
}

/** Each store path once. Those that win collisions come first. */
function ranked(outputs: readonly LinkedOutput[]): readonly LinkedOutput[] {
  const sorted = outputs.toSorted(
    (left, right) =>
      left.priority - right.priority ||
      compare(left.name, right.name) ||
      compare(left.storePath, right.storePath),
  );
  const seen = new Set<string>();
  return sorted.filter(({ storePath }) => !seen.has(storePath) && seen.add(storePath));
}

function claim(claims: Map<string, Claims>, entry: LinkEntry, storePath: string): void {
  const claimed = claims.get(entry.path) ?? { directories: [], links: [] };
  claims.set(entry.path, claimed);
  if (entry.kind === "directory") claimed.directories.push(storePath);
  else claimed.links.push({ storePath, target: entry.target });
}

function entryOf(path: string, { directories, links: [link] }: Claims): LinkEntry {
  if (directories.length > 0 || link === undefined) return { path, kind: "directory" };
  return { path, kind: "link", target: link.target };
}

function collisionsOf(path: string, { directories, links }: Claims): readonly LinkCollision[] {
  const [chosen, ...others] = [...directories.slice(0, 1), ...links.map(({ storePath }) => storePath)];
  return chosen === undefined || others.length === 0 ? [] : [{ path, chosen, others }];
}

/** Compares by UTF-16 code units, so the order is the same on every host. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
