import { describe, expect, it } from "bun:test";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { installed, mustRun } from "../../../../../test/support/command.ts";
import { describeWith } from "../../../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { isOfMadeSource } from "./python-cache.ts";

const CONTEXT = { createdAt: new Date("2025-03-04T05:06:07.891Z"), folderModifiedAt: () => undefined };
const CREATED_SECONDS = Math.floor(CONTEXT.createdAt.getTime() / 1000);

async function compiled(modifiedAt: number, validity: string): Promise<Uint8Array> {
  await using folder = await temporaryFolder("python-cache");
  const [source, made] = ["x.py", "x.pyc"].map((name) => join(folder.path, name)) as [string, string];
  await writeFile(source, "x = 1\n");
  await utimes(source, modifiedAt, modifiedAt);
  const mode = `invalidation_mode=py_compile.PycInvalidationMode.${validity}`;
  const script = `import py_compile; py_compile.compile(${JSON.stringify(source)}, ${JSON.stringify(made)}, ${mode})`;
  await mustRun(["python3", "-c", script]);
  return await Bun.file(made).bytes();
}

describeWith("python3", installed("python3"), "Python is not installed", () => {
  it.each([
    ["the image's time", CREATED_SECONDS, false],
    ["a package", CREATED_SECONDS - 1000, false],
    ["a script", CREATED_SECONDS + 1, true],
  ])("compiles a source of %s", async (_from, modifiedAt, isMade) => {
    expect(isOfMadeSource(await compiled(modifiedAt, "TIMESTAMP"), CONTEXT)).toBe(isMade);
  });

  it.each(["CHECKED_HASH", "UNCHECKED_HASH"])("may not look at the time: %s", async (validity) => {
    expect(isOfMadeSource(await compiled(CREATED_SECONDS + 1, validity), CONTEXT)).toBe(false);
  });
});

describe("a file with the name of Python's", () => {
  it("can be anything", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 15 }), (bytes) => !isOfMadeSource(bytes, CONTEXT)));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof isOfMadeSource(bytes, CONTEXT) === "boolean"));
  });
});
