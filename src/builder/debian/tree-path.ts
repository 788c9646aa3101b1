import { posix } from "node:path";

/** Folders that Debian merged into /usr: each is a link to its namesake there. */
export const MERGED_FOLDERS = ["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"] as const;

const MERGED: ReadonlySet<string> = new Set(MERGED_FOLDERS);

/** Folders that are links to elsewhere in every Debian image, and where to. */
const MOVED: readonly (readonly [from: string, to: string])[] = [
  ["var/run", "run"],
  ["var/lock", "run/lock"],
];

/**
 * A path inside an image, without a leading or trailing slash; the root itself is the empty text.
 *
 * @throws {Error} when it leads out of the image
 */
export function cleanTreePath(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0"))
    throw new Error(`a package holds the path ${JSON.stringify(name)}`);
  return parts.join("/");
}

/** Where a clean path ends up in an image whose /bin, /sbin and /lib… are links into /usr. */
export function mergedPath(path: string): string {
  const slash = path.indexOf("/");
  const first = slash < 0 ? path : path.slice(0, slash);
  if (MERGED.has(first)) return `usr/${path}`;
  for (const [from, to] of MOVED) {
    if (path === from) return to;
    if (path.startsWith(`${from}/`)) return to + path.slice(from.length);
  }
  return path;
}

/**
 * What the symbolic link at `path` (as packaged) must point at to mean the same after merging.
 *
 * `undefined` when it would point at itself: a compatibility link between the two folders that became one.
 */
export function mergedLinkTarget(path: string, target: string): string | undefined {
  const place = mergedPath(path);
  const destination = resolveInTree(path, target);
  const merged = mergedPath(destination);
  if (merged === place) return undefined;
  if (target.startsWith("/") || place === path) return target;
  // The link has moved: keep its text where it still leads to the same place.
  if (mergedPath(resolveInTree(place, target)) === merged) return target;
  return posix.relative(`/${posix.dirname(place)}`, `/${merged}`);
}

/** The clean path that a link at `path` leads to, with links on the way not followed. */
export function resolveInTree(path: string, target: string): string {
  return posix.resolve("/", posix.dirname(`/${path}`), target).slice(1);
}
