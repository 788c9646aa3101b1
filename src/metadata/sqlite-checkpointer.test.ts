import { expect, it } from "bun:test";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pushSample } from "../../test/contracts/metadata-store-samples.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { CheckpointError, SqliteCheckpointer } from "./sqlite-checkpointer.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const MEBIBYTE = 1024 * 1024;

it("keeps the log from growing under steady writes", async () => {
  await using folder = await temporaryFolder("checkpoint");
  const file = join(folder.path, "metadata.db");
  await using store = await openMetadataStore(await openSqliteEngine(file));
  let pushed = 0;
  // About 60 MiB of log if nothing moved it.
  const writers = Array.from({ length: 8 }, async () => {
    while (pushed < 1500) {
      pushed += 1;
      await pushSample(store, `manifest ${pushed}`, [`tag-${pushed}`]);
    }
  });
  await Promise.all(writers);
  expect((await stat(`${file}-wal`)).size).toBeLessThan(40 * MEBIBYTE);
  expect((await stat(file)).size).toBeGreaterThan(MEBIBYTE / 4);
}, 60_000);

it("joins a checkpoint under way", async () => {
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

it("tells why a checkpoint failed", async () => {
  await using folder = await temporaryFolder("checkpoint");
  const path = join(folder.path, "absent", "metadata.db");
  const checkpointer = new SqliteCheckpointer({ path, restartPages: 1 });
  const failure = await checkpointer.checkpoint().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CheckpointError);
  expect((failure as CheckpointError).code).toBe("SQLITE_CANTOPEN");
  await checkpointer.close();
});
