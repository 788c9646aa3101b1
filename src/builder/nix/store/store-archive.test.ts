import { describe, expect, it } from "bun:test";
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { installed, mustRun } from "../../../../test/support/command.ts";
import {
  archiveOf,
  bytesOf,
  LONG_PATH,
  LONG_TARGET,
  NEVER,
  NOT_UTF8,
  oddStore,
} from "../../../../test/support/odd-nix-store.ts";
import { privateNixStore } from "../../../../test/support/private-nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { storeArchive } from "./store-archive.ts";
import { StorePathDamaged } from "./store-path.ts";

/** The file contents, link targets and directories of a tree, by path in hexadecimal. */
async function contents(folder: string | Buffer, below = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const names = await readdir(folder, { encoding: "buffer" });
  for (const name of names) {
    const path = Buffer.concat([Buffer.from(folder), Buffer.from("/"), name]);
    const key = `${below}/${name.toString("hex")}`;
    const { kind, text } = await described(path);
    found[key] = `${kind} ${text}`;
    if (kind === "directory") Object.assign(found, await contents(path, key));
  }
  return found;
}

async function described(path: Buffer): Promise<{ readonly kind: string; readonly text: string }> {
  const stats = await lstat(path);
  if (stats.isDirectory()) return { kind: "directory", text: "" };
  if (stats.isSymbolicLink())
    return { kind: "link", text: (await readlink(path, { encoding: "buffer" })).toString("hex") };
  const executable = (stats.mode & 0o100) !== 0 ? "executable" : "file";
  return { kind: executable, text: Bun.SHA256.hash(await readFile(path), "hex") };
}

describe("a path that is not in a store", () => {
  it.each(["/nix/store", "/nix/store/", "/nix/store/a/b", "/nix/store/..", "/etc/passwd", "/nix/store/a\0"])(
    "is refused: %j",
    async (path) => {
      const archive = storeArchive([{ path, narHash: "" }], { storeFolder: "/nowhere", signal: NEVER });
      await expect(bytesOf(archive)).rejects.toThrow("not the path of a store");
    },
  );

  it("is missing", async () => {
    await using folder = await temporaryFolder("nix-archive");
    const paths = [{ path: "/nix/store/abc-gone", narHash: "" }];
    const archive = storeArchive(paths, { storeFolder: folder.path, signal: NEVER });
    const failure = await bytesOf(archive).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(StorePathDamaged);
    expect(failure).toMatchObject({ message: "abc-gone in the Nix store is missing or incomplete" });
  });
});

describeWith(
  "an archive of a Nix store",
  installed("nix-store", "tar", "python3"),
  "no Nix, tar or Python",
  () => {
    it("unpacks to the same tree", async () => {
      await using odd = await oddStore();
      await Bun.write(join(odd.folder, "archive.tar"), await archiveOf(odd.store, [odd.odd]));
      const unpacked = join(odd.folder, "unpacked");
      await mkdir(unpacked);
      await mustRun(["tar", "--extract", "--file", join(odd.folder, "archive.tar"), "--directory", unpacked]);
      const expected = await contents(odd.odd.hostPath);
      expect(await contents(join(unpacked, odd.odd.path))).toEqual(expected);
      expect(Object.keys(expected)).toContain(`/${NOT_UTF8.toString("hex")}`);
      expect(Object.values(expected)).toContain(`link ${Buffer.from(LONG_TARGET).toString("hex")}`);
      expect(Object.keys(expected).length).toBe(17);
    });

    it("has fixed owners, times and modes, folders first, and no hard links", async () => {
      await using odd = await oddStore();
      await Bun.write(join(odd.folder, "archive.tar"), await archiveOf(odd.store, [odd.odd]));
      const listing = await mustRun(["python3", "-c", PYTHON_LISTING, join(odd.folder, "archive.tar")]);
      const entries = JSON.parse(listing) as readonly (readonly [string, string, string, string])[];
      expect(entries.slice(0, 2)).toEqual([
        ["nix", "5", "755", ""],
        ["nix/store", "5", "755", ""],
      ]);
      const root = odd.odd.path.slice(1);
      expect(
        entries.slice(2).map(([name, type, mode]) => `${name.slice(root.length)} ${type}${mode}`),
      ).toEqual([
        " 5555",
        "/byte-link 2777",
        "/b\\udcffc 0444",
        "/empty 5555",
        "/empty/inner 5555",
        "/folder-link 2777",
        "/large 0444",
        "/long-link 2777",
        "/none 0444",
        "/program 0555",
        "/sub 5555",
        "/sub/copy 0444",
        "/sub/first 0444",
        "/sub/second 0444",
        "/sub.file 0444",
        `/${"x".repeat(120)} 5555`,
        `/${"x".repeat(120)}/${"y".repeat(120)} 5555`,
        `/${LONG_PATH} 0444`,
      ]);
      expect(entries.find(([name]) => name.endsWith("/long-link"))?.[3]).toBe(LONG_TARGET);
    });

    it("has its paths in the given order, files among them", async () => {
      await using odd = await oddStore();
      const script = join(odd.folder, "script");
      await writeFile(script, "echo\n", { mode: 0o755 });
      const file = await odd.store.add(script);
      await symlink("script", join(odd.folder, "pointer"));
      const pointer = await odd.store.add(join(odd.folder, "pointer"));
      await Bun.write(join(odd.folder, "a.tar"), await archiveOf(odd.store, [pointer, odd.odd, file]));
      const names = await mustRun(["tar", "--list", "--file", join(odd.folder, "a.tar")]);
      const tops = names.split("\n").filter((name) => /^nix\/store\/[^/]+\/?$/.test(name));
      expect(tops.map((name) => `/${name.replace(/\/$/, "")}`)).toEqual([
        pointer.path,
        odd.odd.path,
        file.path,
      ]);
    });

    it("is the same after the store replaced equal files by hard links", async () => {
      await using odd = await oddStore();
      const before = await archiveOf(odd.store, [odd.odd]);
      await odd.store.run("--optimise");
      expect((await mustRun(["stat", "-c", "%h", join(odd.odd.hostPath, "sub/copy")])).trim()).not.toBe("1");
      const after = await archiveOf(odd.store, [odd.odd]);
      expect(after.equals(before)).toBe(true);
    });

    it("has what any tree has, under the hash that Nix gives it", async () => {
      await using folder = await temporaryFolder("nix-archive");
      await using store = await privateNixStore(folder.path);
      let round = 0;
      await fc.assert(
        fc.asyncProperty(TREE, async (tree) => {
          round += 1;
          const source = join(folder.path, `tree-${round}`);
          await makeTree(Buffer.from(source), tree);
          const added = await store.add(source);
          const archive = join(folder.path, "archive.tar");
          await Bun.write(archive, await archiveOf(store, [added]));
          const unpacked = join(folder.path, `unpacked-${round}`);
          await mkdir(unpacked);
          await mustRun(["tar", "--extract", "--file", archive, "--directory", unpacked]);
          expect(await contents(join(unpacked, added.path))).toEqual(await contents(source));
        }),
        { numRuns: 12 },
      );
    });
  },
);

/** Prints name, type, mode and link of each entry; fails unless owner and time are the fixed ones. */
const PYTHON_LISTING = `
import json, sys, tarfile
entries = tarfile.open(sys.argv[1], encoding="utf-8").getmembers()
for e in entries:
    assert (e.uid, e.gid, e.uname, e.gname, e.mtime) == (0, 0, "", "", 1), e.name
text = lambda s: s.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
print(json.dumps([[ascii(e.name)[1:-1], e.type.decode(), "%o" % e.mode, text(e.linkname)] for e in entries]))
`;

/** A tree: a file with its content, a link with its target, or a directory. */
type Tree =
  | { readonly content: Uint8Array; readonly executable: boolean }
  | { readonly target: Uint8Array }
  | { readonly directory: readonly (readonly [Uint8Array, Tree])[] };

const NAME_BYTE = fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f);
const NAME = fc
  .oneof(
    { weight: 4, arbitrary: fc.array(NAME_BYTE, { minLength: 1, maxLength: 12 }) },
    { weight: 1, arbitrary: fc.array(NAME_BYTE, { minLength: 90, maxLength: 255 }) },
  )
  .map((bytes) => Buffer.from(bytes))
  .filter((name) => ![".", ".."].includes(name.toString()));
const TREE: fc.Arbitrary<Tree> = fc.letrec<{ node: Tree; directory: Tree }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.record({ content: fc.uint8Array({ maxLength: 2000 }), executable: fc.boolean() }),
    fc.record({
      target: fc.array(NAME, { minLength: 1, maxLength: 2 }).map((parts) => Buffer.concat(parts)),
    }),
    tie("directory"),
  ),
  directory: fc
    .uniqueArray(fc.tuple(NAME, tie("node")), {
      maxLength: 6,
      selector: ([name]) => name.toString("hex"),
    })
    .map((directory) => ({ directory })),
})).directory;

async function makeTree(path: Buffer, tree: Tree): Promise<void> {
  if ("target" in tree) await symlink(Buffer.from(tree.target), path);
  else if ("content" in tree) await writeFile(path, tree.content, { mode: tree.executable ? 0o755 : 0o644 });
  else {
    await mkdir(path);
    for (const [name, child] of tree.directory) {
      await makeTree(Buffer.concat([path, Buffer.from("/"), name]), child);
    }
  }
}
