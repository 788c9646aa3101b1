import { expect, it } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { CheckpointError, SqliteCheckpointer } from "./sqlite-checkpointer.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

it("joins a running checkpoint", async () => {
  await using folder = await temporaryFolder("checkpoint");
  const path = join(folder.path, "metadata.db");
  await using _store = await openMetadataStore(await openSqliteEngine(path));
  const checkpointer = new SqliteCheckpointer({ path, restartPages: 1 });
  const first = checkpointer.checkpoint();
  expect(checkpointer.checkpoint()).toBe(first);
  expect(checkpointer.isRunning).toBe(true);
  await first;
  expect(checkpointer.isRunning).toBe(false);
  await checkpointer.checkpoint();
  await checkpointer.close();
});

it("reports why a checkpoint failed", async () => {
  await using folder = await temporaryFolder("checkpoint");
  const path = join(folder.path, "absent", "metadata.db");
  const checkpointer = new SqliteCheckpointer({ path, restartPages: 1 });
  const failure = await checkpointer.checkpoint().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CheckpointError);
  expect((failure as CheckpointError).code).toBe("SQLITE_CANTOPEN");
  await checkpointer.close();
});
