import { expect, it } from "bun:test";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openMetadataStore } from "../../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../../src/metadata/sqlite-engine.ts";
import { pushSample } from "../../contracts/metadata-store-samples.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MEBIBYTE = 1024 * 1024;

it("checkpoints keep the write-ahead log of the metadata from growing under steady writes", async () => {
  await using folder = await temporaryFolder("checkpoint");
  const file = join(folder.path, "metadata.db");
  await using store = await openMetadataStore(await openSqliteEngine(file));
  let pushed = 0;
  // Without checkpoints the log would reach about 200 MiB. On a busy machine it grows before their thread has started.
  const writers = Array.from({ length: 8 }, async () => {
    while (pushed < 5000) {
      pushed += 1;
      await pushSample(store, `manifest ${pushed}`, [`tag-${pushed}`]);
    }
  });
  await Promise.all(writers);
  expect((await stat(`${file}-wal`)).size).toBeLessThan(100 * MEBIBYTE);
  expect((await stat(file)).size).toBeGreaterThan(MEBIBYTE / 4);
});
