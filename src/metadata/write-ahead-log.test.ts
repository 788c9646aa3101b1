import { expect, it } from "bun:test";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

it("syncs for every caller, also for those who come while it syncs", async () => {
  await using folder = await temporaryFolder("log");
  await writeFile(join(folder.path, "db-wal"), "");
  const log = await WriteAheadLog.open(join(folder.path, "db"));
  const first = log.synced();
  await Promise.all([first, log.synced(), Bun.sleep(0).then(() => log.synced())]);
  await log.synced();
  await log.close();
});

it("joins those who wait for the same sync, and begins another for who comes after it began", async () => {
  await using folder = await temporaryFolder("log");
  await writeFile(join(folder.path, "db-wal"), "");
  const log = await WriteAheadLog.open(join(folder.path, "db"));
  const first = log.synced();
  expect(log.synced()).toBe(first);
  // Two turns of the promise queue: by now the first sync is with the operating system.
  await Promise.resolve();
  await Promise.resolve();
  const second = log.synced();
  expect(second).not.toBe(first);
  await second;
  await log.close();
});

it("fails all who wait when a sync fails, and everyone after them", async () => {
  await using folder = await temporaryFolder("log");
  // A device that cannot be synced.
  await symlink("/dev/null", join(folder.path, "db-wal"));
  const log = await WriteAheadLog.open(join(folder.path, "db"));
  const results = await Promise.allSettled([log.synced(), log.synced()]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
  await expect(log.synced()).rejects.toThrow(/no commit is durable until the server is restarted/);
  await log.close();
});

it("fails everyone once something else found that the disk loses writes", async () => {
  await using folder = await temporaryFolder("log");
  await writeFile(join(folder.path, "db-wal"), "");
  const log = await WriteAheadLog.open(join(folder.path, "db"));
  await log.synced();
  log.distrust(new Error("EIO"));
  await expect(log.synced()).rejects.toThrow(/no commit is durable/);
  await log.close();
});
