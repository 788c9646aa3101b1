import { expect, it } from "bun:test";
import fc from "fast-check";
import { nearestNames } from "./nearest-names.ts";

it("finds names that differ in a few letters or in case, the nearest first", () => {
  const names = ["git", "gitFull", "gist", "curl", "Gitt", "got"];
  expect(nearestNames("gitt", names)).toEqual(["Gitt", "gist", "git"]);
  expect(nearestNames("crul", names)).toEqual([]);
  expect(nearestNames("gitful", names)).toEqual(["gitFull"]);
});

it("gives three names at most, all of them there, and a name itself first", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abcA-_1"), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(word, fc.uniqueArray(word, { maxLength: 20 }), (wanted, names) => {
      const near = nearestNames(wanted, names);
      expect(near.length).toBeLessThanOrEqual(3);
      expect(near.every((name) => names.includes(name))).toBe(true);
      const same = names.some((name) => name.toLowerCase() === wanted.toLowerCase());
      if (same) expect(near[0]?.toLowerCase()).toBe(wanted.toLowerCase());
    }),
  );
});
