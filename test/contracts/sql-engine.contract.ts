import { describe, expect, it } from "bun:test";
import type { SqlEngine, SqlSession } from "../../src/metadata/sql-engine.ts";
import { SQL_TYPES } from "../../src/metadata/sql-types.ts";
import { eventually } from "../support/eventually.ts";

/** Two engines on one empty database. */
export interface SqlEngines {
  readonly engine: SqlEngine;
  readonly other: SqlEngine;
}

const INSERT = "INSERT INTO things (name, count, body) VALUES ($1, $2, $3)";
const COUNT = "SELECT CAST(count(*) AS INTEGER) AS total FROM things";
const DURABLE = { durable: true } as const;

/** Registers the tests that every {@link SqlEngine} passes. */
export function sqlEngineContract(name: string, create: () => Promise<SqlEngines & AsyncDisposable>): void {
  describe(`SqlEngine contract: ${name}`, () => {
    /** Registers a test that gets engines whose database has a table. */
    const test = (behaviour: string, run: (engines: SqlEngines) => Promise<void>) =>
      it(behaviour, async () => {
        await using engines = await create();
        await createThings(engines.engine);
        await run(engines);
      }, 60_000);

    test("returns every kind of value as it was bound", async ({ engine }) => {
      const body = Uint8Array.from({ length: 256 }, (_, index) => index);
      await engine.transaction((session) => session.query(INSERT, ["näme", 2 ** 52, body]), DURABLE);
      await engine.transaction((session) => session.query(INSERT, ["", -1, new Uint8Array(0)]), DURABLE);
      await engine.transaction((session) => session.query(INSERT, ["nothing", null, null]), DURABLE);
      const rows = await engine.query("SELECT name, count, body FROM things ORDER BY name");
      expect(rows.map((row) => ({ ...row }))).toEqual([
        { name: "", count: -1, body: new Uint8Array(0) },
        { name: "nothing", count: null, body: null },
        { name: "näme", count: 2 ** 52, body },
      ]);
      for (const row of rows) if (row.body !== null) expect(row.body).toBeInstanceOf(Uint8Array);
    });

    test("compares text by its bytes", async ({ engine }) => {
      const names = ["", "-", ".", "/", "0", "A", "Z", "_", "a", "a-b", "a.b", "aa", "z", "é"];
      for (const each of names.toReversed()) {
        await engine.transaction((session) => session.query(INSERT, [each, 0, null]), { durable: false });
      }
      const rows = await engine.query<{ name: string }>(
        "SELECT name FROM things WHERE name >= $1 ORDER BY name",
        [""],
      );
      expect(rows.map((row) => row.name)).toEqual(names);
    });

    test("commits a whole transaction, then shows it to all readers", async ({ engine, other }) => {
      const answer = await engine.transaction(async (session) => {
        await session.query(INSERT, ["a", 1, null]);
        await session.query(INSERT, ["b", 2, null]);
        expect(await total(session)).toBe(2);
        expect(await total(engine)).toBe(0);
        expect(await total(other)).toBe(0);
        return "answer";
      }, DURABLE);
      expect(answer).toBe("answer");
      expect(await total(engine)).toBe(2);
      expect(await total(other)).toBe(2);
    });

    test("rolls back a whole transaction when it throws, and continues", async ({ engine }) => {
      const failure = new Error("changed its mind");
      const broken = engine.transaction(async (session) => {
        await session.query(INSERT, ["a", 1, null]);
        throw failure;
      }, DURABLE);
      await expect(broken).rejects.toBe(failure);
      expect(await total(engine)).toBe(0);
      await engine.transaction((session) => session.query(INSERT, ["a", 1, null]), DURABLE);
      expect(await total(engine)).toBe(1);
    });

    test("rolls back when a statement fails, and reports why", async ({ engine }) => {
      const broken = engine.transaction(async (session) => {
        await session.query(INSERT, ["a", 1, null]);
        await session.query(INSERT, ["a", 2, null]);
      }, DURABLE);
      await expect(broken).rejects.toThrow(/unique/i);
      expect(await total(engine)).toBe(0);
      await expect(engine.query("SELECT nonsense FROM things")).rejects.toThrow(/nonsense/);
      expect(await total(engine)).toBe(0);
    });

    test("loses no update when many transactions of two engines change one row", async ({
      engine,
      other,
    }) => {
      await engine.transaction((session) => session.query(INSERT, ["a", 0, null]), DURABLE);
      const increment = async (session: SqlSession) => {
        await session.query("UPDATE things SET count = count + 1 WHERE name = $1", ["a"]);
      };
      const work = Array.from({ length: 60 }, (_, index) =>
        (index % 2 === 0 ? engine : other).transaction(increment, { durable: index % 3 === 0 }),
      );
      await Promise.all(work);
      const [row] = await engine.query<{ count: number }>("SELECT count FROM things WHERE name = $1", ["a"]);
      expect(row?.count).toBe(60);
    });

    test("answers reads while a transaction is open", async ({ engine }) => {
      const gate = Promise.withResolvers<void>();
      const open = engine.transaction(async (session) => {
        await session.query(INSERT, ["a", 1, null]);
        await gate.promise;
      }, DURABLE);
      for (let round = 0; round < 20; round += 1) expect(await total(engine)).toBe(0);
      gate.resolve();
      await open;
      expect(await total(engine)).toBe(1);
    });

    test("changes its epoch with every commit of either engine, and only then", async ({ engine, other }) => {
      const epochs = new Set([engine.epoch()]);
      // An engine without epochs always returns `undefined`.
      if (epochs.has(undefined)) return;
      for (const [index, each] of [engine, other, engine].entries()) {
        const before = engine.epoch();
        await total(engine);
        expect(engine.epoch()).toBe(before);
        await each.transaction((session) => session.query(INSERT, [`${index}`, 1, null]), DURABLE);
        await eventually(() => engine.epoch() !== before);
        epochs.add(engine.epoch());
      }
      expect(epochs.size).toBe(4);
    });

    test("finishes running transactions before it closes", async ({ engine, other }) => {
      const pending = Array.from({ length: 10 }, (_, index) =>
        engine.transaction((session) => session.query(INSERT, [`${index}`, 1, null]), DURABLE),
      );
      await engine[Symbol.asyncDispose]();
      await Promise.all(pending);
      expect(await total(other)).toBe(10);
    });
  });
}

async function createThings(engine: SqlEngine): Promise<void> {
  const { text, integer, bytes } = SQL_TYPES[engine.name];
  await engine.transaction(
    (session) =>
      session.query(`CREATE TABLE things (name ${text} PRIMARY KEY, count ${integer}, body ${bytes})`),
    DURABLE,
  );
}

async function total(session: SqlSession): Promise<number> {
  const [row] = await session.query<{ total: number }>(COUNT);
  return row?.total ?? -1;
}
