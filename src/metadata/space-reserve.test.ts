import { describe, expect, it } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
