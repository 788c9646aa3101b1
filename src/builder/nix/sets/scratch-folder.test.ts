import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { scratchFolder } from "./scratch-folder.ts";

describe("a scratch folder", () => {
  let folder: TemporaryFolder;
  let parent: string;

  beforeEach(async () => {
    folder = await temporaryFolder("scratch-folder");
    parent = join(folder.path, "a/b");
  });
  afterEach(async () => await folder[Symbol.asyncDispose]());

  it("is removed with its content", async () => {
    {
      await using scratch = await scratchFolder(parent);
      await writeFile(join(scratch.path, "text"), "1");
      expect(await readdir(parent)).toHaveLength(1);
    }
    expect(await readdir(parent)).toEqual([]);
  });

  it("stays while others come, which remove only what processes that are gone have left", async () => {
    const ended = Bun.spawn(["true"]);
    await ended.exited;
    for (const name of [`${ended.pid}-x-1`, `${process.pid}-before-1`, `${process.ppid}-x-1`]) {
      await mkdir(join(parent, name), { recursive: true });
    }
    await using one = await scratchFolder(parent);
    await using other = await scratchFolder(parent);
    const expected = [basename(one.path), basename(other.path), `${process.ppid}-x-1`];
    expect((await readdir(parent)).toSorted()).toEqual(expected.toSorted());
  });
});
