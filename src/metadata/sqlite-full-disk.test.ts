import { expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { eventually } from "../../test/support/eventually.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { canMount, smallFileSystem } from "../../test/support/small-file-system.ts";
import { StorageError } from "../oci/storage-error.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

async function insert(engine: SqlEngine): Promise<void> {
  const content = new Uint8Array(randomBytes(16 << 10));
  await engine.transaction(
    (session) => session.query("INSERT INTO things (content) VALUES ($1)", [content]),
    {
      durable: true,
    },
  );
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
    await engine.transaction(
      (session) => session.query("CREATE TABLE things (id INTEGER PRIMARY KEY, content BLOB)"),
      { durable: true },
    );
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
});
