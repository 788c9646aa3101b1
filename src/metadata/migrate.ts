import { MIGRATIONS } from "./schema.ts";
import type { SqlEngine, SqlSession } from "./sql-engine.ts";
import { type Migration, SQL_TYPES } from "./sql-types.ts";

/** A newer version of the program wrote the database, so this version must not use it. */
export class DatabaseTooNewError extends Error {
  override readonly name = "DatabaseTooNewError";
}

/** Number of the advisory lock; nothing else in the database uses it. */
const MIGRATION_LOCK = 7_361_905_214;

/**
 * Migrates the database to the newest schema in one durable transaction.
 *
 * Several processes can do so at once: one migrates, the others wait. `beforeCreation` runs before the first table of a
 * new database is created; if it rejects, nothing is changed.
 *
 * @throws {DatabaseTooNewError} before anything is changed
 */
export async function migrate(
  engine: SqlEngine,
  migrations: readonly Migration[] = MIGRATIONS,
  beforeCreation: () => Promise<void> = async () => {},
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
      if (version === 0) await beforeCreation();
      for (const migration of migrations.slice(version)) {
        for (const step of migration(SQL_TYPES[engine.name])) {
          if (typeof step === "string") await session.query(step);
          else await step(session);
        }
      }
      if (version < migrations.length) {
        await session.query("UPDATE schema_version SET version = $1", [migrations.length]);
      }
    },
    // So that a server can start on a full disk.
    { durable: true, usesReserve: true },
  );
}

/** Locks out other migrations on PostgreSQL; SQLite allows only one writer anyway. */
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
