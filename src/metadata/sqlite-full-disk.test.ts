import { expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { eventually } from "../../test/support/eventually.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { canMount, smallFileSystem } from "../../test/support/small-file-system.ts";
import { StorageError } from "../oci/storage-error.ts";
import { SpaceReserve } from "./space-reserve.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

async function createThings(engine: SqlEngine): Promise<void> {
  await engine.transaction(
    (session) => session.query("CREATE TABLE things (id INTEGER PRIMARY KEY, content BLOB)"),
    { durable: true },
  );
}

async function insert(engine: SqlEngine): Promise<true> {
  const content = new Uint8Array(randomBytes(16 << 10));
  await engine.transaction(
    (session) => session.query("INSERT INTO things (content) VALUES ($1)", [content]),
    {
      durable: true,
    },
  );
  return true;
}

async function count(engine: SqlEngine): Promise<number> {
  const [row] = await engine.query<{ count: number }>("SELECT count(*) AS count FROM things");
  return row?.count ?? 0;
}

describeWith("on a small file system", canMount(), "only root may mount one", () => {
  it("keeps every commit when neither the log nor the file can grow, and continues once there is space", async () => {
    await using disk = await smallFileSystem(16);
    const path = join(disk.path, "metadata.db");
    const warnings: Error[] = [];
    const engine = await openSqliteEngine(path, { onWarning: (error) => warnings.push(error) });
    await createThings(engine);
    // Enough space for a log that is due for a checkpoint, but not for the checkpoint.
    disk.fill(6 << 20);
    let acknowledged = 0;
    let failure: unknown;
    while (failure === undefined) {
      await insert(engine).then(
        () => {
          acknowledged += 1;
        },
        (error: unknown) => {
          failure = error;
        },
      );
    }
    expect(failure).toBeInstanceOf(StorageError);
    expect((failure as StorageError).condition).toBe("full");
    expect(await count(engine)).toBe(acknowledged);
    // The checkpoint thread may have started only now.
    await eventually(() => warnings.length > 0);
    disk.free();
    await insert(engine);
    await engine[Symbol.asyncDispose]();
    expect(warnings.map((warning) => (warning as StorageError).condition)).toEqual(["full"]);
    await using reopened = await openSqliteEngine(path);
    expect(await count(reopened)).toBe(acknowledged + 1);
  }, 60_000);

  it("deletes, and starts, with the space that is kept for that", async () => {
    await using disk = await smallFileSystem(8);
    const path = join(disk.path, "metadata.db");
    const open = () =>
      openSqliteEngine(path, { reserve: SpaceReserve.open(`${path}-reserve`, 1 << 20), onWarning: () => {} });
    const created = await open();
    await createThings(created);
    for (let i = 0; i < 20; i += 1) await insert(created);
    await created[Symbol.asyncDispose]();
    disk.fill();
    // Without its log, which the last close removed, it needs space to open.
    await using engine = await open();
    disk.free();
    await using filling = await open();
    expect(await insert(filling)).toBe(true);
    disk.fill();
    while (await insert(engine).then(Boolean, () => false));
    const remove = (from: SqlEngine, usesReserve: boolean) =>
      from.transaction(
        (session) => session.query("DELETE FROM things WHERE id = (SELECT min(id) FROM things) RETURNING id"),
        { durable: true, usesReserve },
      );
    await expect(remove(engine, false)).rejects.toMatchObject({ condition: "full" });
    for (let i = 0; i < 10; i += 1) expect(await remove(engine, true)).toHaveLength(1);
    // Now there is some space, but no other write may use it.
    await expect(insert(engine)).rejects.toMatchObject({ condition: "full" });
    disk.free();
    await using later = await open();
    expect(await insert(later)).toBe(true);
  }, 60_000);
});
