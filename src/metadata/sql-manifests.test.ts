import { Database } from "bun:sqlite";
import { expect, it, spyOn } from "bun:test";
import {
  REPOSITORY,
  requires,
  sampleDigest,
  sampleManifest,
  tagName,
} from "../../test/contracts/metadata-store-samples.ts";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { SYSTEM_CLOCK } from "../clock.ts";
import { WHOLE_MANIFEST_BYTES } from "./ports/manifest-ledger.ts";
import type { SqlEngine, SqlSession, SqlValue } from "./sql-engine.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const MANY = 10_000;

/** The most rows that one turn of the event loop may read and change: a list of a thousand, and a few short chunks. */
const ROWS_IN_A_TURN = 1_100;

/**
 * An engine that counts the rows it reads and changes in a turn of the event loop. Each statement uses up the time of
 * one piece of work.
 */
class CountingEngine implements SqlEngine {
  readonly name = "sqlite";
  readonly #engine: SqlEngine;
  readonly #clock: ManualClock;
  #rows = 0;
  #most = 0;

  constructor(engine: SqlEngine, clock: ManualClock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** The most rows in one turn while `work` runs. */
  async mostIn(work: () => Promise<unknown>): Promise<number> {
    let isRunning = true;
    const turn = () => {
      this.#rows = 0;
      if (isRunning) setImmediate(turn);
    };
    turn();
    this.#most = 0;
    await work();
    isRunning = false;
    return this.#most;
  }

  query<Row>(sql: string, parameters?: readonly SqlValue[]): Promise<readonly Row[]> {
    return this.#engine.query<Row>(sql, parameters);
  }

  transaction<T>(work: (session: SqlSession) => Promise<T>, options: { readonly durable: boolean }) {
    return this.#engine.transaction((session) => work(this.#counting(session)), options);
  }

  epoch(): number | undefined {
    return this.#engine.epoch();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#engine[Symbol.asyncDispose]();
  }

  #counting(session: SqlSession): SqlSession {
    const changes = async () =>
      (await session.query<{ total: number }>("SELECT total_changes() AS total"))[0]?.total ?? 0;
    return {
      query: async <Row>(sql: string, parameters?: readonly SqlValue[]) => {
        const before = await changes();
        const rows = await session.query<Row>(sql, parameters);
        this.#rows += rows.length + (await changes()) - before;
        this.#most = Math.max(this.#most, this.#rows);
        this.#clock.pass(1);
        return rows;
      },
    };
  }
}

it("removes a manifest with any number of tags and references, a few rows in each turn of the event loop", async () => {
  await using folder = await temporaryFolder("sql-manifests");
  const clock = new ManualClock();
  using _ = spyOn(SYSTEM_CLOCK, "now").mockImplementation(() => clock.now());
  const engine = new CountingEngine(await openSqliteEngine(`${folder.path}/metadata.db`), clock);
  await using store = await openMetadataStore(engine);
  const references = Array.from({ length: MANY }, (_, index) => ({
    ...requires("layer", sampleDigest(`blob ${index}`)),
    optional: true,
  }));
  const tags = Array.from({ length: MANY }, (_, index) => tagName(`tag-${index}`));
  const tagged = sampleManifest("tagged");
  const referring = sampleManifest("referring", { references });
  await store.manifests.putManifest(REPOSITORY, tagged, tags);
  await store.manifests.putManifest(REPOSITORY, referring, []);
  const again = await engine.mostIn(() => store.manifests.putManifest(REPOSITORY, referring, []));
  expect(again).toBeWithin(1, ROWS_IN_A_TURN);
  for (const { digest } of [tagged, referring]) {
    const most = await engine.mostIn(async () => {
      expect(await store.manifests.deleteManifest(REPOSITORY, digest)).toBe(true);
    });
    expect(most).toBeWithin(1, ROWS_IN_A_TURN);
    expect(await store.manifests.findManifest(REPOSITORY, digest)).toBeUndefined();
  }
  expect(await store.listings.listTags(REPOSITORY, { limit: 1 })).toEqual([]);
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
      await Array.fromAsync(store.manifests.readManifest(REPOSITORY, manifest.digest), (piece) =>
        piece.slice(),
      ),
    );
  await store.manifests.putManifest(REPOSITORY, manifest, []);
  {
    using database = new Database(file);
    database.run("UPDATE manifests SET bytes = zeroblob(length(bytes))");
    database.run("UPDATE manifest_pieces SET bytes = zeroblob(length(bytes)) WHERE number = 1");
    database.run("DELETE FROM manifest_pieces WHERE number = 2");
  }
  await store.manifests.putManifest(REPOSITORY, manifest, []);
  expect((await stored()).equals(bytes)).toBe(true);
});

it("answers from memory without a promise until something is committed", async () => {
  await using folder = await temporaryFolder("sql-manifests");
  await using store = await openMetadataStore(await openSqliteEngine(`${folder.path}/metadata.db`));
  const { manifests } = store;
  const manifest = sampleManifest("cached");
  await manifests.putManifest(REPOSITORY, manifest, [tagName("latest")]);
  const find = () => manifests.findManifest(REPOSITORY, tagName("latest"));
  expect(find()).toBeInstanceOf(Promise);
  const found = await find();
  expect(find()).toBe(found);
  await manifests.deleteTag(REPOSITORY, tagName("latest"));
  expect(await find()).toBeUndefined();
});
