import { join } from "node:path";
import { migrate } from "../../src/metadata/migrate.ts";
import type { SqlEngine, SqlRow, SqlSession, SqlValue } from "../../src/metadata/sql-engine.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { METADATA_STORE_CASES } from "./metadata-store.contract.ts";

/** The text of every statement that the store runs during its whole contract. */
export async function recordStatements(): Promise<readonly string[]> {
  const texts = new Set<string>();
  for (const { run } of METADATA_STORE_CASES) {
    await using folder = await temporaryFolder("statements");
    const open = async () => {
      const engine = await openSqliteEngine(join(folder.path, "metadata.db"));
      // Its statements run only once per database.
      await migrate(engine);
      return openMetadataStore(recording(engine, texts), { manifestCacheBytes: 0 });
    };
    await using store = await open();
    await using other = await open();
    await run({ store, other });
  }
  return [...texts].filter((text) => !text.includes("schema_version"));
}

/** The engine, which also adds each statement to `texts`. */
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
