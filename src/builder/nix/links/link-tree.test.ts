import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import type { TreeEntry } from "../store/read-tree.ts";
import { type LinkTree, linkTree } from "./link-tree.ts";
import type { LinkEntry, LinkedOutput } from "./output-links.ts";

/**
 * Makes an output from lines: `bin/` is a directory, `bin/x` a file, `bin/x*` a program, `sbin -> bin` a link. Adds the
 * directories above them.
 */
function output(name: string, lines: readonly string[], priority = 5): LinkedOutput {
  const entries = new Map<string, TreeEntry>([["", { path: "", kind: "directory" }]]);
  for (const line of lines) {
    const [place = "", target] = line.split(" -> ");
    const path = place.replace(/[/*]$/, "");
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1) {
      const above = parts.slice(0, depth).join("/");
      entries.set(above, { path: above, kind: "directory" });
    }
    const kind = place.endsWith("/") ? "directory" : place.endsWith("*") ? "executable" : "file";
    entries.set(path, target === undefined ? { path, kind } : { path, kind: "link", target });
  }
  return { storePath: `/nix/store/abc-${name}`, name, priority, tree: [...entries.values()] };
}

/** An output that is not a directory. */
function single(name: string, root: Omit<TreeEntry, "path">): LinkedOutput {
  return { storePath: `/nix/store/abc-${name}`, name, priority: 5, tree: [{ path: "", ...root }] };
}

/** The entries as lines, such as `bin/` and `bin/x -> git/bin/x`. Targets are shown without their common prefix. */
function lines({ entries }: LinkTree): readonly string[] {
  return entries.map((entry) =>
    entry.kind === "directory"
      ? `${entry.path}/`
      : `${entry.path} -> ${entry.target.replace("/nix/store/abc-", "")}`,
  );
}

describe("the links to one output", () => {
  it("are in directories of their own, one for each file", () => {
    const tree = linkTree([output("git", ["bin/git*", "share/doc/", "share/man/git.1", "README"])]);
    expect(lines(tree)).toEqual([
      "README -> git/README",
      "bin/",
      "bin/git -> git/bin/git",
      "share/",
      "share/doc/",
      "share/man/",
      "share/man/git.1 -> git/share/man/git.1",
    ]);
    expect(tree.collisions).toEqual([]);
  });

  it("go through a link to a directory at the top", () => {
    const links = ["sbin -> ./bin/", "lib64 -> /nix/store/abc-x/usr/lib", "bin -> usr/../usr/bin"];
    expect(lines(linkTree([output("x", [...links, "usr/bin/a*", "usr/lib/s/b"])]))).toEqual([
      "bin/",
      "bin/a -> x/bin/a",
      "lib64/",
      "lib64/s/",
      "lib64/s/b -> x/lib64/s/b",
      "sbin/",
      "sbin/a -> x/sbin/a",
      "usr/",
      "usr/bin/",
      "usr/bin/a -> x/usr/bin/a",
      "usr/lib/",
      "usr/lib/s/",
      "usr/lib/s/b -> x/usr/lib/s/b",
    ]);
  });

  it("keep a link to a directory further down, and what leads to the output itself once", () => {
    expect(lines(linkTree([output("x", ["usr -> .", "a/b/c", "a/loop -> .."])]))).toEqual([
      "a/",
      "a/b/",
      "a/b/c -> x/a/b/c",
      "a/loop -> x/a/loop",
      "usr/",
      "usr/a/",
      "usr/a/b/",
      "usr/a/b/c -> x/usr/a/b/c",
      "usr/a/loop -> x/usr/a/loop",
      "usr/usr -> x/usr/usr",
    ]);
  });

  it.each([
    "/nix/store/abc-other/share",
    "/nix/store/abc-x2",
    "../abc-x/a",
    "a/../..",
    "nowhere",
    "a/file",
    "a/file/..",
    "l",
    "m",
    "nix-support",
  ])("keep a link at the top to %j", (target) => {
    const tree = linkTree([output("x", [`l -> ${target}`, "m -> l", "a/file", "nix-support/f"])]);
    expect(lines(tree)).toContain("l -> x/l");
    expect(lines(tree)).toContain("m -> x/m");
  });

  it("keep a link whose target is not UTF-8", () => {
    const { tree, ...rest } = output("x", ["a/file"]);
    expect(lines(linkTree([{ ...rest, tree: [...tree, { path: "l", kind: "link" }] }]))).toContain(
      "l -> x/l",
    );
  });

  it("leave out what only builds read, and what would cover the store", () => {
    const tree = ["nix-support/setup-hook", "nix/store/abc-other", "a/nix-support/x", "nix-supporter"];
    expect(lines(linkTree([output("x", tree)]))).toEqual([
      "a/",
      "a/nix-support/",
      "a/nix-support/x -> x/a/nix-support/x",
      "nix-supporter -> x/nix-supporter",
    ]);
  });

  it("are bounded when many links lead to one directory", () => {
    const many = Array.from({ length: 100 }, (_, index) => `l${100 + index} -> a`);
    const { entries } = linkTree([output("x", [...many, "a/b"])]);
    expect(entries.filter(({ kind }) => kind === "directory").length).toBe(1 + 32);
    expect(entries.find(({ path }) => path === "l132")).toEqual({
      path: "l132",
      kind: "link",
      target: "/nix/store/abc-x/l132",
    });
  });

  it("are one in bin to an output that is a program, and none to another file or a link", () => {
    expect(lines(linkTree([single("run", { kind: "executable" })]))).toEqual(["bin/", "bin/run -> run"]);
    expect(lines(linkTree([single("a/b", { kind: "executable" })]))).toEqual([]);
    expect(lines(linkTree([single("text", { kind: "file" })]))).toEqual([]);
    expect(lines(linkTree([single("link", { kind: "link", target: "/nix/store/abc-git" })]))).toEqual([]);
  });
});

describe("outputs that collide", () => {
  it("show the file of the lower priority, then of the lower name", () => {
    const tree = linkTree([
      output("b", ["bin/x*", "bin/y*"]),
      output("a", ["bin/x*"]),
      output("c", ["bin/y*"], 4),
    ]);
    expect(lines(tree)).toEqual(["bin/", "bin/x -> a/bin/x", "bin/y -> c/bin/y"]);
    expect(tree.collisions).toEqual([
      { path: "bin/x", chosen: "/nix/store/abc-a", others: ["/nix/store/abc-b"] },
      { path: "bin/y", chosen: "/nix/store/abc-c", others: ["/nix/store/abc-b"] },
    ]);
  });

  it("show a directory instead of a file, whatever the priorities", () => {
    const tree = linkTree([output("a", ["share/x"], 1), output("b", ["share/x/y"], 9)]);
    expect(lines(tree)).toEqual(["share/", "share/x/", "share/x/y -> b/share/x/y"]);
    expect(tree.collisions).toEqual([
      { path: "share/x", chosen: "/nix/store/abc-b", others: ["/nix/store/abc-a"] },
    ]);
  });

  it("do not collide with themselves when they are asked for twice", () => {
    const twice = output("a", ["bin/x*"]);
    const tree = linkTree([twice, { ...twice, name: "alias" }]);
    expect(lines(tree)).toEqual(["bin/", "bin/x -> a/bin/x"]);
    expect(tree.collisions).toEqual([]);
  });
});

const PART = fc.constantFrom("a", "b", "bin", "nix", "nix-support", "é");
const PATH = fc.array(PART, { minLength: 1, maxLength: 4 });
const TARGET = fc.tuple(
  fc.constantFrom("", "./", "../", "/nix/store/abc-0/", "/nix/store/abc-1/", "/etc/"),
  fc.array(fc.oneof(PART, fc.constant("..")), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
);
const LINE = fc.oneof(
  PATH.map((parts) => parts.join("/")),
  PATH.map((parts) => `${parts.join("/")}/`),
  fc.tuple(PATH, TARGET).map(([parts, target]) => `${parts.join("/")} -> ${target.join("")}`),
);

/** Lines without contradictions: nothing is below a file or a link. */
const LINES = fc.array(LINE, { maxLength: 12 }).map((all) => {
  const plain = (line: string): string => line.replace(/ -> .*$/, "").replace(/\/$/, "");
  return all.filter((line, index) =>
    all.every((other, place) => place === index || !`${plain(other)}/`.startsWith(`${plain(line)}/`)),
  );
});
const OUTPUTS = fc
  .array(fc.tuple(LINES, fc.integer({ min: 4, max: 6 })), { maxLength: 5 })
  .map((all) => all.map(([tree, priority], index) => output(`${index}`, tree, priority)));

/** The entry at a path of an output. Follows links in the middle of the path if they stay in the output. */
function entryAt(outputs: readonly LinkedOutput[], target: string): TreeEntry | undefined {
  const found = outputs.find(({ storePath }) => target.startsWith(`${storePath}/`));
  if (found === undefined) return undefined;
  const entries = new Map(found.tree.map((entry) => [entry.path, entry]));
  let ahead = target.slice(found.storePath.length + 1).split("/");
  let place: string[] = [];
  for (let step = 0; step < 500; step += 1) {
    const [part = "", ...rest] = ahead;
    ahead = rest;
    const next = part === ".." ? place.slice(0, -1) : part === "." || part === "" ? place : [...place, part];
    const entry = entries.get(next.join("/"));
    if (ahead.length === 0 || entry === undefined) return entry;
    const text = entry.target;
    if (entry.kind !== "link" || text === undefined) place = next;
    else if (text.startsWith("/")) {
      ahead = [...text.slice(found.storePath.length + 1).split("/"), ...ahead];
      place = [];
    } else ahead = [...text.split("/"), ...ahead];
  }
  return undefined;
}

function isDirectory(entries: ReadonlyMap<string, LinkEntry>, path: string): boolean {
  return path === "" || entries.get(path)?.kind === "directory";
}

describe("any union of outputs", () => {
  it("has each path once, below directories, in order", () => {
    fc.assert(
      fc.property(OUTPUTS, (outputs) => {
        const { entries } = linkTree(outputs);
        const byPath = new Map(entries.map((entry) => [entry.path, entry]));
        expect(byPath.size).toBe(entries.length);
        expect([...byPath.keys()]).toEqual([...byPath.keys()].toSorted());
        for (const path of byPath.keys()) {
          expect(isDirectory(byPath, path.slice(0, Math.max(0, path.lastIndexOf("/"))))).toBe(true);
        }
      }),
    );
  });

  it("does not depend on the order of outputs or of their entries", () => {
    const shuffled = OUTPUTS.chain((outputs) =>
      fc.tuple(
        fc.constant(outputs),
        fc.shuffledSubarray(outputs, { minLength: outputs.length, maxLength: outputs.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([outputs, others]) => {
        const reversed = others.map(({ tree, ...rest }) => ({ ...rest, tree: tree.toReversed() }));
        expect(linkTree(reversed)).toEqual(linkTree(outputs));
      }),
    );
  });

  it("links only to files and links that an output has", () => {
    fc.assert(
      fc.property(OUTPUTS, (outputs) => {
        for (const entry of linkTree(outputs).entries) {
          if (entry.kind === "directory") continue;
          const kind = entryAt(outputs, entry.target)?.kind;
          expect(["file", "executable", "link"]).toContain(kind ?? `nothing at ${entry.target}`);
        }
      }),
    );
  });

  it("shows every file of every output, or says what is there instead", () => {
    fc.assert(
      fc.property(OUTPUTS, (outputs) => {
        const { entries, collisions } = linkTree(outputs);
        const targets = new Set(entries.map((entry) => (entry.kind === "link" ? entry.target : "")));
        const hidden = new Set(
          collisions.flatMap(({ path, others }) => others.map((storePath) => `${storePath}/${path}`)),
        );
        for (const { storePath, tree } of outputs) {
          for (const { path, kind } of tree) {
            if (kind !== "file" || /^nix(?:-support)?(?:\/|$)/.test(path)) continue;
            const place = `${storePath}/${path}`;
            expect(targets.has(place) !== hidden.has(place)).toBe(true);
          }
        }
      }),
    );
  });
});
