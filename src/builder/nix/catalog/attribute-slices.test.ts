import { expect, it } from "bun:test";
import {
  type AttributeSet,
  type AttributeSlice,
  countAttributes,
  groupAttributes,
  halve,
} from "./attribute-slices.ts";

function sets(...sizes: readonly number[]): readonly AttributeSet[] {
  return sizes.map((size, at) => {
    const names = Array.from({ length: size }, (_, each) => `s${at}a${each}`);
    return { path: [`set${at}`], prefix: "", names, written: names };
  });
}

function names(group: readonly AttributeSlice[]): readonly string[] {
  return group.flatMap(({ set, from, count }) => set.names.slice(from, from + count));
}

it.each([
  [[0], []],
  [[3], [3]],
  [[10], [10]],
  [
    [25, 0, 1],
    [10, 10, 6],
  ],
  [
    [4, 4, 4, 4],
    [10, 6],
  ],
])("groups sets of %j attributes into groups of %j", (sizes, expected) => {
  const groups = [...groupAttributes(sets(...sizes), 10)];
  expect(groups.map(countAttributes)).toEqual(expected);
  expect(groups.flatMap(names)).toEqual(sets(...sizes).flatMap((set) => set.names));
});

it("puts parts of at most two hundred sets into a group", () => {
  const groups = [...groupAttributes(sets(...Array.from({ length: 450 }, () => 1)), 2_000)];
  expect(groups.map((group) => group.length)).toEqual([200, 200, 50]);
});

it.each([[[2]], [[9]], [[1, 1]], [[1, 5, 1]], [[3, 3, 1]]])(
  "halves a group of %j attributes, and loses none",
  (sizes) => {
    const [group = []] = [...groupAttributes(sets(...sizes), 100)];
    const [first, second] = halve(group);
    expect(countAttributes(first)).toBe(Math.floor(countAttributes(group) / 2));
    expect([...names(first), ...names(second)]).toEqual([...names(group)]);
    expect([...first, ...second].every(({ count }) => count > 0)).toBe(true);
  },
);
