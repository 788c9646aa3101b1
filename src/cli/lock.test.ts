import { expect, it } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../test/support/command.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";

const PROGRAM = join(import.meta.dir, "main.ts");

function slipway(...parameters: readonly string[]) {
  return run([process.execPath, PROGRAM, "lock", ...parameters]);
}

it("shows what changed from one lock to another", async () => {
  await using folder = await temporaryFolder("lock");
  const write = async (name: string, closure: unknown) => {
    const file = join(folder.path, name);
    await writeFile(file, JSON.stringify({ formatVersion: 2, source: { name: "apt" }, closure }));
    return file;
  };
  const one = await write("one", [{ name: "curl", version: "1", sha256: "a" }]);
  const two = await write("two", [
    { name: "curl", version: "2", sha256: "b" },
    { name: "jq", version: "1", sha256: "c" },
  ]);
  expect(await slipway("diff", one, two)).toMatchObject({ exitCode: 0, stdout: "~ curl 1 -> 2\n+ jq 1\n" });
  expect(await slipway("diff", one, one)).toMatchObject({ exitCode: 0, stdout: "the locks are equal\n" });
  const json = JSON.parse((await slipway("diff", "--json", one, two)).stdout);
  expect(json.packages).toHaveLength(2);
  const absent = await slipway("diff", one, join(folder.path, "absent"));
  expect([absent.exitCode, absent.stdout]).toEqual([2, ""]);
  expect((await slipway("merge", one, two)).exitCode).toBe(2);
});
