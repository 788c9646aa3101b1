import { expect, it, spyOn } from "bun:test";
import { type FileHandle, open, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { nextTurn } from "../concurrency/next-turn.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

/** The prototype of all file handles. */
async function fileHandlePrototype(): Promise<FileHandle> {
  await using file = await open("/dev/null");
  return Object.getPrototypeOf(file);
}

it("syncs once for all callers that arrived during a sync, and never counts a sync that had already begun", async () => {
  await using folder = await temporaryFolder("log");
  await writeFile(join(folder.path, "db-wal"), "");
  const log = await WriteAheadLog.open(join(folder.path, "db"));
  const syncs: PromiseWithResolvers<void>[] = [];
  using _ = spyOn(await fileHandlePrototype(), "datasync").mockImplementation(() => {
    const sync = Promise.withResolvers<void>();
    syncs.push(sync);
    return sync.promise;
  });
  const first = log.synced();
  await nextTurn();
  const late = [log.synced(), log.synced()];
  await nextTurn();
  expect(syncs).toHaveLength(1);
  syncs[0]?.resolve();
  await first;
  await nextTurn();
  expect(syncs).toHaveLength(2);
  expect(late.map((each) => Bun.peek.status(each))).toEqual(["pending", "pending"]);
  syncs[1]?.resolve();
  await Promise.all(late);
  expect(syncs).toHaveLength(2);
  await log.close();
});

it("shares a sync among waiting callers, and starts another for callers that arrive after it began", async () => {
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

it("fails all waiting callers when a sync fails, and all later ones", async () => {
  await using folder = await temporaryFolder("log");
  // A device that cannot be synced.
  await symlink("/dev/null", join(folder.path, "db-wal"));
  const log = await WriteAheadLog.open(join(folder.path, "db"));
  const results = await Promise.allSettled([log.synced(), log.synced()]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
  await expect(log.synced()).rejects.toThrow(/no commit is durable until the server is restarted/);
  await log.close();
});

it("fails all callers once the disk was found to lose writes", async () => {
  await using folder = await temporaryFolder("log");
  await writeFile(join(folder.path, "db-wal"), "");
  const log = await WriteAheadLog.open(join(folder.path, "db"));
  await log.synced();
  log.distrust(new Error("EIO"));
  await expect(log.synced()).rejects.toThrow(/no commit is durable/);
  await log.close();
});
