import { describe, expect, it } from "bun:test";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../../test/support/command.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { readTree } from "./read-tree.ts";
import { StorePathDamaged } from "./store-path.ts";

const PATH = "/nix/store/abc-x";
const LIMITS = { maxEntries: 100, signal: new AbortController().signal };

/** The folder of a store with one path in it. */
async function storeFolder(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder("nix-tree");
  const root = join(folder.path, "abc-x");
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "empty"));
  await writeFile(join(root, "bin/x"), "");
  await chmod(join(root, "bin/x"), 0o555);
  await writeFile(join(root, "bin.txt"), "");
  await symlink("bin", join(root, "sbin"));
  return folder;
}

/** The path of a file in the folder's store path, whose name need not be UTF-8. */
function bytePath(folder: TemporaryFolder, name: string): Buffer {
  return Buffer.concat([Buffer.from(join(folder.path, "abc-x/")), Buffer.from(name, "latin1")]);
}

describe("the tree of a store path", () => {
  it("has directories before what is in them, programs, files and links", async () => {
    await using folder = await storeFolder();
    expect(await readTree(folder.path, PATH, LIMITS)).toEqual([
      { path: "", kind: "directory" },
      { path: "bin", kind: "directory" },
      { path: "bin/x", kind: "executable" },
      { path: "bin.txt", kind: "file" },
      { path: "empty", kind: "directory" },
      { path: "sbin", kind: "link", target: "bin" },
    ]);
  });

  it("is one entry for a file and for a link", async () => {
    await using folder = await storeFolder();
    await writeFile(join(folder.path, "abc-f"), "");
    await symlink("/nix/store/abc-x", join(folder.path, "abc-l"));
    expect(await readTree(folder.path, "/nix/store/abc-f", LIMITS)).toEqual([{ path: "", kind: "file" }]);
    expect(await readTree(folder.path, "/nix/store/abc-l", LIMITS)).toEqual([
      { path: "", kind: "link", target: PATH },
    ]);
  });

  it("leaves out names that are not UTF-8 with what is below them, but counts them", async () => {
    await using folder = await storeFolder();
    await mkdir(bytePath(folder, "d\xff"));
    await writeFile(bytePath(folder, "d\xff/inner"), "");
    await symlink(Buffer.from([0xfe]), bytePath(folder, "to-bytes"));
    const tree = await readTree(folder.path, PATH, { ...LIMITS, maxEntries: 9 });
    expect(tree?.map(({ path }) => path)).toEqual([
      "",
      "bin",
      "bin/x",
      "bin.txt",
      "empty",
      "sbin",
      "to-bytes",
    ]);
    expect(tree?.at(-1)).toEqual({ path: "to-bytes", kind: "link" });
    expect(await readTree(folder.path, PATH, { ...LIMITS, maxEntries: 8 })).toBeUndefined();
  });

  it("is not listed beyond the limit", async () => {
    await using folder = await storeFolder();
    expect(await readTree(folder.path, PATH, { ...LIMITS, maxEntries: 6 })).toHaveLength(6);
    expect(await readTree(folder.path, PATH, { ...LIMITS, maxEntries: 5 })).toBeUndefined();
  });

  it("is damaged if it is missing, or has what no store holds", async () => {
    await using folder = await storeFolder();
    const failure = await readTree(folder.path, "/nix/store/abc-gone", LIMITS).catch(
      (cause: unknown) => cause,
    );
    expect(failure).toBeInstanceOf(StorePathDamaged);
    await mustRun(["mkfifo", join(folder.path, "abc-x/pipe")]);
    await expect(readTree(folder.path, PATH, LIMITS)).rejects.toThrow("abc-x in the Nix store has a device");
  });

  it("is not read on after an abort", async () => {
    await using folder = await storeFolder();
    const signal = AbortSignal.abort(new Error("no longer wanted"));
    await expect(readTree(folder.path, PATH, { ...LIMITS, signal })).rejects.toThrow("no longer wanted");
  });
});
