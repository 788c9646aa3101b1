import { posix } from "node:path";

/** Folders that Debian merged into /usr: each is a link to the folder of the same name there. */
export const MERGED_FOLDERS = ["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"] as const;

const MERGED: ReadonlySet<string> = new Set(MERGED_FOLDERS);

/** Folders that are links in every Debian image, with their targets. */
const MOVED: readonly (readonly [from: string, to: string])[] = [
  ["var/run", "run"],
  ["var/lock", "run/lock"],
];

/**
 * Cleans a path inside an image: without a leading or trailing slash; the root is the empty string.
 *
 * @throws {Error} if it leads out of the image
 */
export function cleanTreePath(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0"))
    throw new Error(`a package contains the path ${JSON.stringify(name)}`);
  return parts.join("/");
}

/** Where a clean path is in an image whose /bin, /sbin and /lib… are links into /usr. */
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
 * The target that the packaged symbolic link at `path` needs after the merge to lead to the same place.
 *
 * `undefined` if it would point at itself, because it linked two folders that are now one.
 */
export function mergedLinkTarget(path: string, target: string): string | undefined {
  const place = mergedPath(path);
  const destination = resolveInTree(path, target);
  const merged = mergedPath(destination);
  if (merged === place) return undefined;
  if (target.startsWith("/") || place === path) return target;
  // The link has moved: keep its target if it still leads to the same place.
  if (mergedPath(resolveInTree(place, target)) === merged) return target;
  return posix.relative(`/${posix.dirname(place)}`, `/${merged}`);
}

/** The clean path that a link at `path` leads to; does not follow links on the way. */
export function resolveInTree(path: string, target: string): string {
  return posix.resolve("/", posix.dirname(`/${path}`), target).slice(1);
}
