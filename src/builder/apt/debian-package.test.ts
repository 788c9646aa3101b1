import { expect, it } from "bun:test";
import fc from "fast-check";
import { downloadedName, encodePath, isRepositoryPath } from "./debian-package.ts";

it("the path of a package stays inside its repository", () => {
  const inside = [
    "a.deb",
    "./a.deb",
    "pool/main/g/g++/g++_12.2.0-3~x_amd64.deb",
    "a b/%3a.deb",
    "..a/b..",
    "ä",
  ];
  expect(inside.filter(isRepositoryPath)).toEqual(inside);
  const wrong = [
    "",
    "/",
    "/a",
    "//host/a",
    "a/",
    "..",
    "../a",
    "a/../b",
    "a/..",
    "a\nb",
    "a\0",
    "\u0085",
    "\ud800",
  ];
  expect([...wrong, "a".repeat(1025)].filter(isRepositoryPath)).toEqual([]);
});

it("every path can be part of an address, and is read back from it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }).filter(isRepositoryPath), (path) => {
      const encoded = encodePath(path);
      expect(encoded).toMatch(/^[\w.~!'()*%/-]+$/);
      expect(decodeURIComponent(encoded)).toBe(path);
    }),
  );
  expect(encodePath("pool/g++_1%3a2 ?#.deb")).toBe("pool/g%2B%2B_1%253a2%20%3F%23.deb");
});

it("a downloaded file is called as apt calls it", () => {
  const one = { name: "g++", version: "4:1.0~rc1+b1", architecture: "amd64" };
  expect(downloadedName(one)).toBe("g++_4%3a1.0~rc1+b1_amd64.deb");
});
