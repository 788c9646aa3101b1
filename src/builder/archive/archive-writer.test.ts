import { expect, it } from "bun:test";
import { join } from "node:path";
import { installed, mustRun } from "../../../test/support/command.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { type ArchiveEntry, archiveOf } from "./archive-writer.ts";

const FILE: ArchiveEntry = {
  path: "f",
  type: "file",
  mode: 0o640,
  userId: 3,
  groupId: 4,
  modifiedAt: new Date(1_700_000_000_900),
};

async function* pieces(size: number, count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i += 1) yield new Uint8Array(size).fill(i + 1);
}

describeWith("an archive", installed("tar"), "no tar", () => {
  it("holds what was written, with names of any bytes", async () => {
    await using folder = await temporaryFolder("archive");
    const file = join(folder.path, "archive.tar");
    const archive = archiveOf(async (writer) => {
      await writer.writeEmpty({ ...FILE, path: "d", type: "directory", mode: 0o2775 });
      await writer.writeBytes({ ...FILE, path: Buffer.from("d/\xff\n", "latin1") }, Buffer.from("text"));
      await writer.writeStream({ ...FILE, path: "d/large" }, 300_000, pieces(100_000, 3));
      await writer.writeEmpty({ ...FILE, path: "l", type: "link", linkTarget: "d/large" });
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of archive) chunks.push(chunk.slice());
    await Bun.write(file, Buffer.concat(chunks));
    const listing = await mustRun(["tar", "--list", "--verbose", "--numeric-owner", "--utc", "--file", file]);
    expect(listing.replaceAll(/ +/g, " ").trimEnd().split("\n")).toEqual([
      "drwxrwsr-x 3/4 0 2023-11-14 22:13 d/",
      "-rw-r----- 3/4 4 2023-11-14 22:13 d/\\377\\n",
      "-rw-r----- 3/4 300000 2023-11-14 22:13 d/large",
      "hrw-r----- 3/4 0 2023-11-14 22:13 l link to d/large",
    ]);
    await mustRun(["tar", "--extract", "--no-same-owner", "--directory", folder.path, "--file", file]);
    const large = await Bun.file(join(folder.path, "d/large")).bytes();
    expect([large[0], large[150_000], large[299_999]]).toEqual([1, 2, 3]);
  });
});

it("breaks if a file has another size than was said, or its content fails", async () => {
  for (const [size, content] of [
    [5, pieces(3, 1)],
    [5, pieces(3, 2)],
  ] as const) {
    const archive = archiveOf((writer) => writer.writeStream(FILE, size, content));
    await expect(Array.fromAsync(archive)).rejects.toThrow("another size");
  }
  const failing = archiveOf(async (writer) => {
    await writer.writeEmpty(FILE);
    throw new Error("broken");
  });
  await expect(Array.fromAsync(failing)).rejects.toThrow("broken");
});

it("stops the writer when nobody reads any more", async () => {
  const ended = Promise.withResolvers<unknown>();
  const archive = archiveOf(async (writer) => {
    try {
      for (;;) await writer.writeBytes(FILE, new Uint8Array(100_000));
    } catch (error) {
      ended.resolve(error);
      throw error;
    }
  });
  for await (const _ of archive) break;
  expect(await ended.promise).toBeInstanceOf(Error);
});
