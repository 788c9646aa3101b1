import { writeAttributes } from "./attribute-names.ts";

/** A set of attributes: the whole package set, or a set inside it. */
export interface AttributeSet {
  /** The attributes that lead to it; empty for the whole package set. */
  readonly path: readonly string[];
  /** The text before its attributes in an image's name: empty, or such as `nested.`. */
  readonly prefix: string;
  /** The names of its attributes, in Nix's own order. */
  readonly names: readonly string[];
  /** The same names as components of an image's name; see {@link writeAttributes}. */
  readonly written: readonly (string | undefined)[];
}

/** Makes a set of attributes from their names. */
export async function attributeSet(
  path: readonly string[],
  prefix: string,
  names: readonly string[],
): Promise<AttributeSet> {
  return { path, prefix, names, written: await writeAttributes(names) };
}

/** Consecutive attributes of a set. */
export interface AttributeSlice {
  readonly set: AttributeSet;
  /** Index of the first one. */
  readonly from: number;
  readonly count: number;
}

/** Maximum slices in one group: the paths of their sets are part of a command line. */
const MAX_SLICES = 200;

/** All attributes of the sets, in order, in groups of at most `maxCount`. */
export function* groupAttributes(
  sets: readonly AttributeSet[],
  maxCount: number,
): Generator<readonly AttributeSlice[]> {
  let group: AttributeSlice[] = [];
  let room = maxCount;
  for (const set of sets) {
    for (let from = 0; from < set.names.length; ) {
      const count = Math.min(room, set.names.length - from);
      group.push({ set, from, count });
      from += count;
      room -= count;
      if (room > 0 && group.length < MAX_SLICES) continue;
      yield group;
      [group, room] = [[], maxCount];
    }
  }
  if (group.length > 0) yield group;
}

/** How many attributes are in a group. */
export function countAttributes(group: readonly AttributeSlice[]): number {
  return group.reduce((sum, { count }) => sum + count, 0);
}

/** Splits a group of at least two attributes into two halves. */
export function halve(
  group: readonly AttributeSlice[],
): readonly [readonly AttributeSlice[], readonly AttributeSlice[]] {
  const [first, second]: [AttributeSlice[], AttributeSlice[]] = [[], []];
  let left = Math.floor(countAttributes(group) / 2);
  for (const { set, from, count } of group) {
    const here = Math.min(left, count);
    if (here > 0) first.push({ set, from, count: here });
    if (here < count) second.push({ set, from: from + here, count: count - here });
    left -= here;
  }
  return [first, second];
}
