import { MIGRATIONS, type Migration, SQL_TYPES } from "./schema.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";

/** The database was written by a later version of the program, which this one must not touch. */
export class DatabaseTooNewError extends Error {
  override readonly name = "DatabaseTooNewError";
}

/** Any number that nothing else in the database locks. */
const MIGRATION_LOCK = 7_361_905_214;

/**
 * Brings the database to the newest schema in one durable transaction.
 *
 * Safe when several processes do so at once: one migrates, the others wait and find it done.
 *
 * @throws {DatabaseTooNewError} before anything is changed
 */
export async function migrate(
  engine: SqlEngine,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  await engine.transaction(
    async (session) => {
      await waitForOthers(engine, session);
      const version = await currentVersion(session);
      if (version > migrations.length) {
        throw new DatabaseTooNewError(
          `the ${engine.name} database has schema version ${version}, but this program knows only ` +
            `${migrations.length}; run the version that wrote it, or a newer one`,
        );
      }
      for (const migration of migrations.slice(version)) {
        for (const statement of migration(SQL_TYPES[engine.name])) await session.query(statement);
      }
      if (version < migrations.length) {
        await session.query("UPDATE schema_version SET version = $1", [migrations.length]);
      }
    },
    { durable: true },
  );
}

/** A SQLite transaction is alone among writers as it is; PostgreSQL's are not. */
async function waitForOthers(engine: SqlEngine, session: SqlSession): Promise<void> {
  if (engine.name === "postgres") await session.query("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
}

async function currentVersion(session: SqlSession): Promise<number> {
  await session.query("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
  const [row] = await session.query<{ version: number }>("SELECT version FROM schema_version");
  if (row) return row.version;
  await session.query("INSERT INTO schema_version (version) VALUES (0)");
  return 0;
}
