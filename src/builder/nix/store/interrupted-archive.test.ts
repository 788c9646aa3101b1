import { expect, it } from "bun:test";
import { chmod, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { installed, mustRun } from "../../../../test/support/command.ts";
import {
  archiveOf,
  LARGE_BYTES,
  NEVER,
  oddStore,
  openFiles,
} from "../../../../test/support/odd-nix-store.ts";
import type { AddedPath } from "../../../../test/support/private-nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { storeArchive } from "./store-archive.ts";
import { StorePathDamaged } from "./store-path.ts";

describeWith("a damaged path of a Nix store", installed("nix-store"), "no Nix", () => {
  const damages: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    "a changed byte": (path) => writeFile(join(path, "sub/first"), "The same content"),
    "a shortened file": (path) => truncate(join(path, "large"), LARGE_BYTES - 1),
    "an added file": (path) => writeFile(join(path, "empty/new"), ""),
    "a file that may be executed": (path) => chmod(join(path, "sub/first"), 0o555),
    "a renamed file": (path) => rename(join(path, "none"), join(path, "nothing")),
    "a replaced link": async (path) => {
      await rm(join(path, "folder-link"));
      await symlink("sud", join(path, "folder-link"));
    },
    "a pipe": (path) => mustRun(["mkfifo", join(path, "pipe")]),
  };

  it.each(Object.keys(damages))("breaks the archive: %s", async (damage) => {
    await using odd = await oddStore();
    await damages[damage]?.(await writable(odd.odd));
    const failure = await archiveOf(odd.store, [odd.odd]).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(StorePathDamaged);
    expect((failure as StorePathDamaged).path).toBe(odd.odd.path);
    expect((failure as StorePathDamaged).message).toStartWith(
      `${basename(odd.odd.path)} in the Nix store ha`,
    );
  });

  it("breaks the archive: a file that becomes a link meanwhile", async () => {
    await using odd = await oddStore();
    const file = join(await writable(odd.odd), "none-but-some");
    const secret = join(odd.folder, "secret");
    await writeFile(secret, "not for images");
    // A small file is read at once.
    await writeFile(file, Buffer.alloc(LARGE_BYTES, "of a store path"));
    const read = async (): Promise<void> => {
      for await (const chunk of storeArchive([odd.odd], { ...odd.store, signal: NEVER })) {
        if (!Buffer.from(chunk).includes("none-but-some")) continue;
        await rm(file);
        await symlink(secret, file);
      }
    };
    await expect(read()).rejects.toThrow("cannot be read (ELOOP)");
  });

  it("breaks the archive: a file that becomes shorter meanwhile", async () => {
    await using odd = await oddStore();
    const path = await writable(odd.odd);
    const read = async (): Promise<void> => {
      for await (const chunk of storeArchive([odd.odd], { ...odd.store, signal: NEVER })) {
        if (chunk.byteLength > 100_000) await truncate(join(path, "large"), 200_000);
      }
    };
    await expect(read()).rejects.toThrow("became shorter while it was read");
    expect(await openFiles(odd.folder)).toEqual([]);
  });
});

describeWith("a reader of a Nix store's archive", installed("nix-store"), "no Nix", () => {
  it("aborts it in the middle of a file, which is closed", async () => {
    await using odd = await oddStore();
    const abort = new AbortController();
    const archive = storeArchive([odd.odd], { ...odd.store, signal: abort.signal });
    let openWhileReading = 0;
    const read = async (): Promise<void> => {
      for await (const chunk of archive) {
        if (chunk.byteLength < 100_000) continue;
        openWhileReading = (await openFiles(odd.folder)).length;
        abort.abort(new Error("no longer wanted"));
      }
    };
    await expect(read()).rejects.toThrow("no longer wanted");
    expect(openWhileReading).toBe(1);
    expect(await openFiles(odd.folder)).toEqual([]);
  });

  it("stops early, which closes the file", async () => {
    await using odd = await oddStore();
    for await (const chunk of storeArchive([odd.odd], { ...odd.store, signal: NEVER })) {
      if (chunk.byteLength > 100_000) break;
    }
    expect(await openFiles(odd.folder)).toEqual([]);
  });
});

/** Makes a store path writable; resolves to its path on this host. */
async function writable({ hostPath }: AddedPath): Promise<string> {
  await mustRun(["chmod", "-R", "u+w", hostPath]);
  return hostPath;
}
