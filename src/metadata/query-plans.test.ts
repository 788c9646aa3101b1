import { Database } from "bun:sqlite";
import { expect, it } from "bun:test";
import { join } from "node:path";
import { METADATA_STORE_CASES } from "../../test/contracts/metadata-store.contract.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import type { SqlEngine, SqlRow, SqlSession, SqlValue } from "./sql-engine.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

/** A walk over a whole table or index, or a sort; the rows of a statement's own VALUES are few. */
const COSTLY = /\bSCAN (?!\d+-ROW VALUES CLAUSE)|TEMP B-TREE/;

/** An engine that also adds the text of every statement it runs to `texts`. */
function recording(engine: SqlEngine, texts: Set<string>): SqlEngine {
  const record = (session: SqlSession): SqlSession => ({
    query<Row = SqlRow>(sql: string, parameters: readonly SqlValue[] = []) {
      texts.add(sql);
      return session.query<Row>(sql, parameters);
    },
  });
  return {
    name: engine.name,
    ...record(engine),
    transaction: (work, options) => engine.transaction((session) => work(record(session)), options),
    epoch: () => engine.epoch(),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** Every statement that the store runs when it does all that its contract asks for. */
async function recordStatements(file: string): Promise<readonly string[]> {
  const texts = new Set<string>();
  for (const { run } of METADATA_STORE_CASES) {
    await using folder = await temporaryFolder("query-plans");
    const open = async () => {
      const engine = await openSqliteEngine(join(folder.path, "metadata.db"));
      return openMetadataStore(recording(engine, texts), { manifestCacheBytes: 0 });
    };
    await using store = await open();
    await using other = await open();
    await run({ store, other });
  }
  await (await openMetadataStore(await openSqliteEngine(file)))[Symbol.asyncDispose]();
  return [...texts].filter((text) => !/^(CREATE|PRAGMA)|schema_version/.test(text));
}

it("reads every answer by an index range, without a scan or a sort", async () => {
  await using folder = await temporaryFolder("query-plans");
  const file = join(folder.path, "metadata.db");
  const statements = await recordStatements(file);
  expect(statements.length).toBeGreaterThan(25);
  using database = new Database(file, { readonly: true });
  const plans = statements.map((text) => {
    const plan = database
      .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${text.replaceAll("$", "?")}`)
      .all();
    return { text, details: plan.map((step) => step.detail) };
  });
  expect(plans.filter(({ details }) => details.some((detail) => COSTLY.test(detail)))).toEqual([]);
  const byType = plans.filter(({ text }) => text.includes("artifact_type = "));
  expect(byType.flatMap(({ details }) => details)).toContain(
    "SEARCH manifests USING INDEX manifests_by_subject_and_type (repository=? AND subject=? AND artifact_type=? AND digest>?)",
  );
});

it("has an index on every column that a cascading delete follows", async () => {
  await using folder = await temporaryFolder("query-plans");
  const file = join(folder.path, "metadata.db");
  await using _store = await openMetadataStore(await openSqliteEngine(file));
  using database = new Database(file, { readonly: true });
  const keys = database
    .query<{ table: string; column: string }, []>(
      `SELECT tables.name AS "table", keys."from" AS "column"
       FROM sqlite_schema AS tables, pragma_foreign_key_list(tables.name) AS keys
       WHERE tables.type = 'table'`,
    )
    .all();
  expect(keys.length).toBeGreaterThan(3);
  for (const { table, column } of keys) {
    const plan = database
      .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN SELECT 1 FROM ${table} WHERE ${column} = ?1`)
      .all();
    expect(plan.map((step) => step.detail).join()).toMatch(/^SEARCH/);
  }
});
