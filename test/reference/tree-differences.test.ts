import { describe, expect, it } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { compareTrees, formatDifference } from "./tree-differences.ts";
import { listTree, type TreeEntry } from "./tree-listing.ts";

const FILE: TreeEntry = {
  type: "file",
  mode: 0o644,
  userId: 0,
  groupId: 0,
  owner: "root:root",
  content: "one",
  contentWithoutNumbers: "one",
  size: 3,
  capability: "",
};

/** The differences between two entries called `a`. */
function differences(image: Partial<TreeEntry> | undefined, reference: Partial<TreeEntry> | undefined) {
  const listing = (entry: Partial<TreeEntry> | undefined) =>
    new Map(
      entry === undefined
        ? []
        : [["a", { ...FILE, ...entry, contentWithoutNumbers: entry.content ?? FILE.content }]],
    );
  return compareTrees(listing(image), listing(reference), []).map(formatDifference);
}

describe("differences between two trees", () => {
  it("are none between equal entries", () => {
    expect(differences({}, {})).toEqual([]);
  });

  it("are in presence, type, mode, owner, capability and content", () => {
    expect(differences(undefined, {})).toEqual(["absent a"]);
    expect(differences({}, undefined)).toEqual(["added a"]);
    expect(differences({}, { type: "symlink" })).toEqual(["different a: file in place of symlink"]);
    expect(differences({ mode: 0o755 }, {})).toEqual(["different a: mode 755, not 644"]);
    expect(differences({ userId: 7, owner: "7:root" }, { groupId: 8, owner: "root:8" })).toEqual([
      "different a: owner 7:0, not 0:8",
    ]);
    expect(differences({ capability: "01" }, {})).toEqual(["different a: capability 01, not "]);
    expect(differences({ content: "two" }, {})).toEqual(["different a: content"]);
    expect(differences({ content: "", size: 0 }, {})).toEqual(["empty a: content"]);
    const [own, other] = [
      { type: "symlink", content: "x" },
      { type: "symlink", content: "y" },
    ];
    expect(differences(own, other)).toEqual(["different a: x, not y"]);
  });

  it("are explained by the first known difference of their kind", () => {
    const known = [
      { here: "added", paths: "", pattern: /a/, reason: "not this kind" },
      { here: "absent", paths: "", pattern: /^b$/, reason: "another path" },
      { here: "absent", paths: "", pattern: /^a$/, reason: "known" },
      { here: "absent", paths: "", pattern: /a/, reason: "later" },
    ] as const;
    const found = compareTrees(
      new Map(),
      new Map([
        ["a", FILE],
        ["c", FILE],
      ]),
      known,
    );
    expect(found.map(({ path, reason }) => [path, reason])).toEqual([
      ["a", "known"],
      ["c", undefined],
    ]);
  });

  it("are found in folders", async () => {
    await using folder = await temporaryFolder("trees");
    const make = async (name: string, text: string) => {
      const tree = join(folder.path, name);
      await mkdir(join(tree, "inner"), { recursive: true });
      await writeFile(join(tree, "inner/file"), text);
      await symlink("file", join(tree, "inner/link"));
      return await listTree(tree);
    };
    const [one, same, other] = [await make("one", "x"), await make("same", "x"), await make("other", "y")];
    expect([...one.keys()].toSorted()).toEqual(["inner", "inner/file", "inner/link"]);
    expect(compareTrees(one, same, [])).toEqual([]);
    expect(compareTrees(one, other, []).map(formatDifference)).toEqual(["different inner/file: content"]);
  });

  it("are only in numbers if the accounts have other numbers and the same names", async () => {
    await using folder = await temporaryFolder("trees");
    const make = async (name: string, numbers: Readonly<Record<"one" | "two", number>>, more = "") => {
      const tree = join(folder.path, name);
      await mkdir(join(tree, "etc"), { recursive: true });
      const groups = Object.entries(numbers).toSorted(([, left], [, right]) => left - right);
      const group = groups.map(([own, id]) => `${own}:x:${id}:\n`).join("");
      await writeFile(join(tree, "etc/group"), `root:x:0:\n${group}`);
      await writeFile(
        join(tree, "etc/passwd"),
        `root:x:0:0::/:/bin/sh\nuser:x:${numbers.two}:${numbers.one}:${more}\n`,
      );
      return await listTree(tree);
    };
    const own = await make("own", { one: 101, two: 102 });
    const reference = await make("reference", { one: 102, two: 101 });
    const found = compareTrees(own, reference, []);
    expect(found.map(formatDifference)).toEqual([
      "renumbered etc/group: content",
      "renumbered etc/passwd: content",
    ]);
    const other = compareTrees(own, await make("other", { one: 102, two: 101 }, "/home"), []);
    expect(other.map(({ here }) => here)).toEqual(["renumbered", "different"]);
    // Fixed numbers have a meaning of their own.
    const fixed = compareTrees(own, await make("fixed", { one: 101, two: 12 }), []);
    expect(fixed.map(({ here }) => here)).toEqual(["different", "different"]);
    const entry = (userId: number, owner: string) => new Map([["a", { ...FILE, userId, owner }]]);
    const owners = compareTrees(entry(101, "user:root"), entry(102, "user:root"), []);
    expect(owners.map(formatDifference)).toEqual(["renumbered a: owner 101:0, not 102:0"]);
    expect(compareTrees(entry(101, "user:root"), entry(102, "other:root"), [])[0]?.here).toBe("different");
  });
});
