import { Database } from "bun:sqlite";
import { expect, it } from "bun:test";
import { join } from "node:path";
import { SQL } from "bun";
import { recordStatements } from "../../test/contracts/metadata-store-statements.ts";
import { findPostgres, startPostgres } from "../../test/support/postgres.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openPostgresEngine } from "./postgres-engine.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

/** A walk over a whole table or index, or a sort; the rows of a statement's own VALUES are few. */
const COSTLY_IN_SQLITE = /\bSCAN (?!\d+-ROW VALUES CLAUSE)|TEMP B-TREE/;
const COSTLY_IN_POSTGRES = /Seq Scan|\bSort\b|Bitmap/;

/** Whether a plan of PostgreSQL reads a whole index instead of a range of it. */
function walksAnIndex(lines: readonly string[]): boolean {
  return lines.some((line, at) => {
    if (!/Index (Only )?Scan /.test(line)) return false;
    const next = lines.findIndex((each, place) => place > at && each.includes("->"));
    const details = lines.slice(at + 1, next < 0 ? undefined : next);
    return !details.some((each) => each.includes("Index Cond"));
  });
}

const statements = await recordStatements();
const postgres = await findPostgres();

it("records the statements of every part of the store", () => {
  expect(statements.length).toBeGreaterThan(25);
});

it("reads every answer by an index range on SQLite, without a scan or a sort", async () => {
  await using folder = await temporaryFolder("query-plans");
  const file = join(folder.path, "metadata.db");
  await using _store = await openMetadataStore(await openSqliteEngine(file));
  using database = new Database(file, { readonly: true });
  const plans = statements.map((text) => {
    const plan = database
      .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${text.replaceAll("$", "?")}`)
      .all();
    return { text, details: plan.map((step) => step.detail) };
  });
  expect(plans.filter(({ details }) => details.some((each) => COSTLY_IN_SQLITE.test(each)))).toEqual([]);
  const byType = plans.filter(({ text }) => text.includes("artifact_type = $6 AND"));
  expect(byType.flatMap(({ details }) => details)).toEqual([
    "SEARCH manifests USING COVERING INDEX manifests_by_subject_and_type (repository=? AND subject=? AND artifact_type=? AND (created_at,digest)>(?,?))",
    "SEARCH manifest_descriptors USING INTEGER PRIMARY KEY (rowid=?)",
  ]);
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

describeWith("PostgreSQL", postgres !== undefined, "initdb and postgres are not installed", () => {
  it("can read every answer by an index range on PostgreSQL, without a scan or a sort", async () => {
    await using server = await startPostgres(postgres as string);
    const url = await server.createDatabase();
    await using _store = await openMetadataStore(await openPostgresEngine(url));
    await using sql = new SQL({ url, max: 1 });
    // This tests whether an index can serve the statement, whatever a version's planner chooses for empty tables. So
    // the settings allow a scan, sort or hash only if there is no other way. Prepared statements have generic plans.
    const settings = [
      ...["seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"].map((way) => `enable_${way} = off`),
      "plan_cache_mode = force_generic_plan",
    ];
    for (const setting of settings) await sql.unsafe(`SET ${setting}`);
    const costly: string[] = [];
    for (const [index, text] of statements.entries()) {
      await sql.unsafe(`PREPARE statement_${index} AS ${text}`);
      const parameters = new Set(text.match(/\$\d+/g)).size;
      const values = parameters > 0 ? `(${Array.from({ length: parameters }, () => "NULL").join(", ")})` : "";
      const plan = await sql.unsafe(`EXPLAIN EXECUTE statement_${index}${values}`);
      const lines = plan.map((row: Record<string, string>) => row["QUERY PLAN"]);
      if (lines.some((line: string) => COSTLY_IN_POSTGRES.test(line)) || walksAnIndex(lines))
        costly.push(text, ...lines);
    }
    expect(costly).toEqual([]);
  }, 120_000);
});
