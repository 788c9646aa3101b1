import { expect, it } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { CheckpointError, SqliteCheckpointer, startCheckpointThread } from "./sqlite-checkpointer.ts";
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

/** Threads that fail in the middle of a checkpoint. */
const DEAD_THREADS: Readonly<Record<string, () => Worker>> = {
  "whose program is not there": () => new Worker(new URL("./absent-worker.ts", import.meta.url)),
  "that throws": () => threadOf("onmessage = () => { throw new Error('lost'); }"),
  "that ends": () => threadOf("onmessage = () => process.exit(1)"),
};

function threadOf(program: string): Worker {
  return new Worker(URL.createObjectURL(new Blob([program])));
}

it.each(Object.keys(DEAD_THREADS))("replaces a thread %s, and can be closed", async (kind) => {
  await using folder = await temporaryFolder("checkpoint");
  const path = join(folder.path, "metadata.db");
  await using _store = await openMetadataStore(await openSqliteEngine(path));
  const start = DEAD_THREADS[kind] as () => Worker;
  let started = 0;
  const checkpointer = new SqliteCheckpointer({ path, restartPages: 1 }, () =>
    ++started === 2 ? startCheckpointThread() : start(),
  );
  await expect(checkpointer.checkpoint()).rejects.toMatchObject({ code: "WORKER" });
  expect(checkpointer.isRunning).toBe(false);
  await checkpointer.checkpoint();
  await checkpointer.close();
  const other = new SqliteCheckpointer({ path, restartPages: 1 }, start);
  const failing = other.checkpoint().catch((error: unknown) => error);
  await other.close();
  expect(await failing).toBeInstanceOf(CheckpointError);
});
