import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HAS_NIX, makeRemovable } from "../../../../test/support/nix.ts";
import { openNixStore } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { FolderOrigin } from "./folder-origin.ts";

setDefaultTimeout(120_000);

const SIGNAL = new AbortController().signal;

describeWith("package sets in folders", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;
  let set: string;
  let origin: FolderOrigin;

  beforeAll(async () => {
    folder = await temporaryFolder("folder-origin");
    set = join(folder.path, "set");
    await mkdir(join(set, "sub"), { recursive: true });
    await writeFile(join(set, "default.nix"), "{ }");
    await symlink("nowhere", join(set, "link"));
    origin = new FolderOrigin(set);
  });
  afterAll(async () => {
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  it("have a revision for each state of their files", async () => {
    const ids = [(await origin.find("latest", SIGNAL)).id];
    expect((await origin.find("latest", SIGNAL)).id).toBe(ids[0] ?? "");
    for (const change of [
      () => writeFile(join(set, "sub/deep"), "1"),
      () => writeFile(join(set, "sub/deep"), "12"),
      () => rename(join(set, "sub/deep"), join(set, "sub/deeper")),
      () => mkdir(join(set, "sub/empty")),
    ]) {
      await change();
      ids.push((await origin.find("latest", SIGNAL)).id);
    }
    expect(new Set(ids).size).toBe(5);
  });

  it("say no more in the lock than what they are", async () => {
    expect(await origin.find("latest", SIGNAL)).toMatchObject({ lock: { kind: "folder" }, pinned: false });
    expect(origin.id).not.toBe(new FolderOrigin(`${set}2`).id);
  });

  it("have only one tag", async () => {
    await expect(origin.find("other", SIGNAL)).rejects.toMatchObject({
      fault: "manifest-unknown",
      message: "a package set in a folder has only the tag latest",
      detail: { tag: "other" },
    });
  });

  it("are copied as they are when they are placed", async () => {
    const store = openNixStore(join(folder.path, "nix"));
    const revision = await origin.find("latest", SIGNAL);
    const before = await origin.place(revision, store, SIGNAL);
    expect(await origin.place(revision, store, SIGNAL)).toBe(before);
    await writeFile(join(set, "default.nix"), "{ x = 1; }");
    const after = await origin.place(revision, store, SIGNAL);
    expect(after).not.toBe(before);
    expect(await Bun.file(join(store.folders.fileOf(after), "default.nix")).text()).toBe("{ x = 1; }");
  });

  it("that are not there are unavailable, without a path", async () => {
    const failure = await new FolderOrigin(join(folder.path, "none"))
      .find("latest", SIGNAL)
      .catch((error) => error);
    expect(failure).toMatchObject({ fault: "build-unavailable" });
    expect(failure.message).not.toContain(folder.path);
  });

  it("are not read for callers that have left", async () => {
    await expect(origin.find("latest", AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  });
});
