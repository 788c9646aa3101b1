import type { KnownDifference } from "../../src/builder/debian/configure/mmdebstrap-differences.ts";
import type { TreeEntry, TreeListing } from "./tree-listing.ts";

/** A path whose entry differs between an image and its reference. */
export interface TreeDifference {
  readonly path: string;
  /** How it is in the image. */
  readonly here: KnownDifference["here"];
  /** What differs, for people. */
  readonly what: string;
  /** Why it differs; `undefined` if no known difference explains it. */
  readonly reason: string | undefined;
}

/** All differences, in ascending order of path; the first of `known` that fits explains one. */
export function compareTrees(
  image: TreeListing,
  reference: TreeListing,
  known: readonly KnownDifference[],
): readonly TreeDifference[] {
  const paths = [...new Set([...image.keys(), ...reference.keys()])].toSorted();
  return paths.flatMap((path) => {
    const difference = compareEntries(image.get(path), reference.get(path));
    if (difference === undefined) return [];
    const explains = (one: KnownDifference) => one.here === difference.here && one.pattern.test(path);
    return [{ path, ...difference, reason: known.find(explains)?.reason }];
  });
}

/** A difference as one line, with the path's bytes readable. */
export function formatDifference({ path, here, what }: TreeDifference): string {
  return `${here} ${JSON.stringify(path).slice(1, -1)}${what === "" ? "" : `: ${what}`}`;
}

function compareEntries(
  image: TreeEntry | undefined,
  reference: TreeEntry | undefined,
): Pick<TreeDifference, "here" | "what"> | undefined {
  if (image === undefined) return { here: "absent", what: "" };
  if (reference === undefined) return { here: "added", what: "" };
  const what = differingFacts(image, reference);
  if (what.length === 0) return undefined;
  if (isRenumbered(image, reference)) return { here: "renumbered", what: what.join(", ") };
  const isEmptied = image.type === "file" && image.size === 0 && reference.size > 0;
  return { here: isEmptied ? "empty" : "different", what: what.join(", ") };
}

/** Whether only the numbers of accounts differ: owners, and files of accounts, are the same by name. */
function isRenumbered(image: TreeEntry, reference: TreeEntry): boolean {
  const named = (entry: TreeEntry): TreeEntry => {
    const { contentWithoutNumbers: content } = entry;
    return { ...entry, userId: 0, groupId: 0, content };
  };
  return image.owner === reference.owner && differingFacts(named(image), named(reference)).length === 0;
}

function differingFacts(image: TreeEntry, reference: TreeEntry): readonly string[] {
  if (image.type !== reference.type) return [`${image.type} in place of ${reference.type}`];
  const facts = [
    ["mode", image.mode.toString(8), reference.mode.toString(8)],
    ["owner", `${image.userId}:${image.groupId}`, `${reference.userId}:${reference.groupId}`],
    ["capability", image.capability, reference.capability],
  ] as const;
  const found = facts
    .filter(([, own, other]) => own !== other)
    .map(([name, own, other]) => `${name} ${own}, not ${other}`);
  if (image.content === reference.content) return found;
  return [...found, image.type === "file" ? "content" : `${image.content}, not ${reference.content}`];
}
