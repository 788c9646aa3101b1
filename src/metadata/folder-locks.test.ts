import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WORK_LOCKS_CASES } from "../../test/contracts/work-locks.contract.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { FileLock } from "../files/file-lock.ts";
import { FolderLocks } from "./folder-locks.ts";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("locks");
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("WorkLocks contract: a folder", () => {
  it.each(WORK_LOCKS_CASES.map(({ name, run }) => [name, run] as const))("%s", async (_, run) => {
    const [one, other] = [await FolderLocks.open(folder.path), await FolderLocks.open(folder.path)];
    await run({ one, other, [Symbol.asyncDispose]: async () => {} });
    expect(await readdir(folder.path)).toEqual([]);
  });
});

it("releases the locks of a process that is killed", async () => {
  const source = `
    import { FolderLocks } from ${JSON.stringify(join(import.meta.dir, "folder-locks.ts"))};
    const locks = await FolderLocks.open(${JSON.stringify(folder.path)});
    await locks.run("a", async () => {
      console.log("locked");
      await new Promise(() => setInterval(() => {}, 1000));
    });`;
  const holder = Bun.spawn([process.execPath, "-e", source], { stdout: "pipe" });
  await holder.stdout.getReader().read();
  const locks = await FolderLocks.open(folder.path);
  const [file = ""] = await readdir(folder.path);
  expect(await FileLock.tryAcquire(join(folder.path, file))).toBeUndefined();
  holder.kill("SIGKILL");
  expect(await locks.run("a", async () => "inherited")).toBe("inherited");
});

it("opens in many processes at once", async () => {
  const source = `
    import { FolderLocks } from ${JSON.stringify(join(import.meta.dir, "folder-locks.ts"))};
    for (let i = 0; i < 100; i++) await FolderLocks.open(${JSON.stringify(folder.path)});`;
  const openers = Array.from({ length: 4 }, () => Bun.spawn([process.execPath, "-e", source]));
  expect(await Promise.all(openers.map(({ exited }) => exited))).toEqual([0, 0, 0, 0]);
  expect(await readdir(folder.path)).toEqual([]);
});

it("removes files that nobody has locked when it is opened", async () => {
  const locks = await FolderLocks.open(folder.path);
  await writeFile(join(folder.path, "left"), "");
  await locks.run("a", async () => {
    await FolderLocks.open(folder.path);
    expect(await readdir(folder.path)).toHaveLength(1);
  });
  expect(await readdir(folder.path)).toEqual([]);
});
