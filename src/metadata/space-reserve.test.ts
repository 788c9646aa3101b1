import { describe, expect, it } from "bun:test";
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../test/support/command.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { canMount, smallFileSystem } from "../../test/support/small-file-system.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { StorageError } from "../oci/storage-error.ts";
import { SpaceReserve } from "./space-reserve.ts";

const BYTES = 1 << 20;

function conditionOf(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error instanceof StorageError ? error.condition : error;
  }
}

describe("a reserve", () => {
  it("is a file of that size, and of another one after the setting changed", async () => {
    await using folder = await temporaryFolder("reserve");
    const path = join(folder.path, "reserve");
    for (const bytes of [BYTES, BYTES / 2, BYTES]) {
      const reserve = SpaceReserve.open(path, bytes);
      expect(reserve.isKept).toBe(true);
      expect([statSync(path).size, statSync(path).mode & 0o777]).toEqual([bytes, 0o600]);
      reserve.check();
    }
  });

  it("of no bytes has no file, and refuses nothing", async () => {
    await using folder = await temporaryFolder("reserve");
    const path = join(folder.path, "reserve");
    SpaceReserve.open(path, BYTES);
    const none = SpaceReserve.open(path, 0);
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
    expect([none.isKept, none.release()]).toEqual([false, false]);
    none.check();
  });

  it("is given up once, for all who use it", async () => {
    await using folder = await temporaryFolder("reserve");
    const path = join(folder.path, "reserve");
    const reserve = SpaceReserve.open(path, BYTES);
    const other = SpaceReserve.open(path, BYTES);
    expect([other.release(), reserve.release()]).toEqual([true, false]);
    expect(statSync(path).size).toBe(0);
  });

  it("is kept by each of several processes that start at once", async () => {
    await using folder = await temporaryFolder("reserve");
    const path = join(folder.path, "reserve");
    const source = `import { SpaceReserve } from ${JSON.stringify(join(import.meta.dir, "space-reserve.ts"))};
      for (let i = 0; i < 40; i++) {
        const reserve = SpaceReserve.open(${JSON.stringify(path)} + i, ${BYTES});
        if (!reserve.isKept) throw new Error("not kept");
      }`;
    const starts = Array.from({ length: 3 }, () => run([process.execPath, "-e", source]));
    for (const { exitCode, stderr } of await Promise.all(starts)) expect([exitCode, stderr]).toEqual([0, ""]);
    expect((await readdir(folder.path)).length).toBe(40);
    for (let i = 0; i < 40; i += 1) expect(statSync(`${path}${i}`).size).toBe(BYTES);
  });

  it("leaves nothing of processes that were killed while they made it", async () => {
    await using folder = await temporaryFolder("reserve");
    const left = join(folder.path, "reserve.new-left");
    writeFileSync(left, "");
    utimesSync(left, 1, 1);
    SpaceReserve.open(join(folder.path, "reserve"), BYTES);
    expect(await readdir(folder.path)).toEqual(["reserve"]);
  });

  it("fails if its folder cannot be written", async () => {
    await using folder = await temporaryFolder("reserve");
    writeFileSync(join(folder.path, "file"), "");
    expect(conditionOf(() => SpaceReserve.open(join(folder.path, "file", "reserve"), BYTES))).not.toBe(
      "full",
    );
  });
});

describeWith("a reserve on a small file system", canMount(), "only root may mount one", () => {
  it("refuses writes while there is no room to take it again", async () => {
    await using disk = await smallFileSystem(4);
    const path = join(disk.path, "reserve");
    const reserve = SpaceReserve.open(path, BYTES);
    disk.fill();
    reserve.check();
    expect(reserve.release()).toBe(true);
    const restarted = SpaceReserve.open(path, BYTES);
    for (const each of [reserve, restarted]) expect(conditionOf(() => each.check())).toBe("full");
    disk.free();
    const again = SpaceReserve.open(path, BYTES);
    for (const each of [again, reserve, restarted]) {
      expect(each.isKept).toBe(true);
      each.check();
    }
  });

  it("is not kept, and refuses nothing, where there never was room", async () => {
    await using disk = await smallFileSystem(4);
    const reserve = SpaceReserve.open(join(disk.path, "reserve"), 3 << 20);
    expect(reserve.isKept).toBe(false);
    reserve.check();
    expect(reserve.release()).toBe(false);
  });
});
