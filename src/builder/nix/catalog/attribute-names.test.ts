import { expect, it } from "bun:test";
import { writeAttributes } from "./attribute-names.ts";

it("writes attributes as components of an image's name", async () => {
  expect(await writeAttributes(["MixedCase", "_7zz", "c++filt", "libdb5.3", "snake_case"])).toEqual([
    "mixedcase",
    "7zz",
    "c_plus_plusfilt",
    "libdb5.3",
    "snake_case",
  ]);
});

it("leaves out what no name can hold", async () => {
  expect(
    await writeAttributes(["_private", "two words", "it's", "a/b", "", "trailing-", "-leading"]),
  ).toEqual(Array.from({ length: 7 }, () => undefined));
});

it("gives a name to the attribute that it means: the same text, then another spelling, then the first of another case", async () => {
  expect(await writeAttributes(["FOLDED", "Folded"])).toEqual(["folded", undefined]);
  expect(await writeAttributes(["Folded", "folded"])).toEqual([undefined, "folded"]);
  expect(await writeAttributes(["7zz", "_7zz"])).toEqual(["7zz", undefined]);
  expect(await writeAttributes(["A+", "a+"])).toEqual([undefined, "a_plus"]);
});
