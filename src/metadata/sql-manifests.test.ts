import { Database } from "bun:sqlite";
import { expect, it } from "bun:test";
import {
  REPOSITORY,
  requires,
  sampleDigest,
  sampleManifest,
  tagName,
} from "../../test/contracts/metadata-store-samples.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { WHOLE_MANIFEST_BYTES } from "./metadata-store.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

/** Enough for tens of milliseconds of work. */
const MANY = 10_000;

/** Processor time of this process in microseconds; unlike the clock's, it stands still while others have the processor. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The longest piece of work that `work` does in one turn of the event loop, as a part of all that it does. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  const start = processorTime();
  let turnedAt = start;
  let longest = 0;
  let isRunning = true;
  const turn = () => {
    const now = processorTime();
    longest = Math.max(longest, now - turnedAt);
    turnedAt = now;
    if (isRunning) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isRunning = false;
  turn();
  return longest / (processorTime() - start);
}

it("removes a manifest with any number of tags and references without holding up the event loop", async () => {
  await using folder = await temporaryFolder("sql-manifests");
  await using store = await openMetadataStore(await openSqliteEngine(`${folder.path}/metadata.db`));
  const references = Array.from({ length: MANY }, (_, index) => ({
    ...requires("layer", sampleDigest(`blob ${index}`)),
    optional: true,
  }));
  const tags = Array.from({ length: MANY }, (_, index) => tagName(`tag-${index}`));
  const tagged = sampleManifest("tagged");
  const referring = sampleManifest("referring", { references });
  await store.putManifest(REPOSITORY, tagged, tags);
  await store.putManifest(REPOSITORY, referring, []);
  expect(await longestTurn(() => store.putManifest(REPOSITORY, referring, []))).toBeLessThan(1 / 3);
  for (const { digest } of [tagged, referring]) {
    const part = await longestTurn(async () => {
      expect(await store.deleteManifest(REPOSITORY, digest)).toBe(true);
    });
    expect(part).toBeLessThan(1 / 3);
    expect(await store.findManifest(REPOSITORY, digest)).toBeUndefined();
  }
  expect(await store.listTags(REPOSITORY, { limit: 1 })).toEqual([]);
}, 60_000);

it.each([
  ["small", 100],
  ["large", 4 * WHOLE_MANIFEST_BYTES],
])("replaces the damaged bytes of a %s manifest when it is pushed again", async (_, size) => {
  await using folder = await temporaryFolder("sql-manifests");
  const file = `${folder.path}/metadata.db`;
  await using store = await openMetadataStore(await openSqliteEngine(file));
  const bytes = new Uint8Array(size).fill(7);
  const manifest = sampleManifest("damaged", { bytes });
  const stored = async () =>
    Buffer.concat(
      await Array.fromAsync(store.readManifest(REPOSITORY, manifest.digest), (piece) => piece.slice()),
    );
  await store.putManifest(REPOSITORY, manifest, []);
  {
    using database = new Database(file);
    database.run("UPDATE manifests SET bytes = zeroblob(length(bytes))");
    database.run("UPDATE manifest_pieces SET bytes = zeroblob(length(bytes)) WHERE number = 1");
    database.run("DELETE FROM manifest_pieces WHERE number = 2");
  }
  await store.putManifest(REPOSITORY, manifest, []);
  expect((await stored()).equals(bytes)).toBe(true);
});
