import { Database, type Statement } from "bun:sqlite";
import type { SqlValue } from "./sql-engine.ts";

/** How long a writer waits for other processes to finish their transactions before it gives up. */
const WRITE_LOCK_TIMEOUT_MS = 30_000;

/**
 * With this many pages in the log, SQLite itself runs a checkpoint on our thread. It happens only if our checkpoints
 * fail.
 */
const LAST_RESORT_PAGES = 32_000;

/** One connection to a SQLite file; keeps every statement prepared. */
export class SqliteConnection {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement<unknown, SqlValue[]>>();
  #dataVersion: Statement<{ data_version: number }, []> | undefined;
  #logState: Statement<{ log: number; checkpointed: number }, []> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  /** The rows of a statement with parameters `$1`, `$2`, …. */
  query<Row>(sql: string, parameters: readonly SqlValue[]): readonly Row[] {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql.replaceAll("$", "?"));
      this.#statements.set(sql, statement);
    }
    return statement.all(...parameters) as Row[];
  }

  /** Runs a statement without parameters or result. */
  run(sql: string): void {
    this.query(sql, []);
  }

  /** Begins a transaction that may write. Waits with timers, because SQLite's own waiting would block the event loop. */
  async begin(): Promise<void> {
    const giveUpAt = performance.now() + WRITE_LOCK_TIMEOUT_MS;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
      try {
        this.run("BEGIN IMMEDIATE");
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() > giveUpAt) throw error;
      }
      await Bun.sleep(pauseMs * (0.5 + Math.random()));
    }
  }

  /** A number that changes when any other connection, in any process, commits a change. */
  dataVersion(): number {
    this.#dataVersion ??= this.#database.prepare("PRAGMA data_version");
    const row = this.#dataVersion.get();
    if (!row) throw new Error("SQLite returned no data_version");
    return row.data_version;
  }

  /** Number of pages in the write-ahead log that are not in the file yet. */
  pagesToCheckpoint(): number {
    this.#logState ??= this.#database.prepare("PRAGMA wal_checkpoint(NOOP)");
    const row = this.#logState.get();
    if (!row) throw new Error("SQLite returned no state of its log");
    return row.log - row.checkpointed;
  }

  /** Closes the connection. @throws if a statement is still running */
  close(): void {
    this.#dataVersion?.finalize();
    this.#logState?.finalize();
    for (const statement of this.#statements.values()) statement.finalize();
    this.#database.close(true);
  }
}

/** Opens the file at `path` for writing; creates it if needed. */
export function openWriter(path: string): SqliteConnection {
  return openPrepared(new Database(path, { create: true, readwrite: true, strict: true }), prepareWriter);
}

/** Opens the existing file at `path` for reading. */
export function openReader(path: string): SqliteConnection {
  return openPrepared(new Database(path, { readonly: true, strict: true }), prepareReader);
}

function openPrepared(database: Database, prepare: (connection: SqliteConnection) => void): SqliteConnection {
  const connection = new SqliteConnection(database);
  try {
    prepare(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function prepareWriter(writer: SqliteConnection): void {
  // Only for these first statements. Transactions wait without blocking the event loop.
  writer.run("PRAGMA busy_timeout = 10000");
  writer.run("PRAGMA journal_mode = WAL");
  // We sync the log, once for many commits. SQLite syncs it at checkpoints.
  writer.run("PRAGMA synchronous = NORMAL");
  writer.run("PRAGMA foreign_keys = ON");
  writer.run("PRAGMA cache_size = -4096");
  writer.run("PRAGMA temp_store = MEMORY");
  writer.run("PRAGMA journal_size_limit = 67108864");
  writer.run(`PRAGMA wal_autocheckpoint = ${LAST_RESORT_PAGES}`);
  // Opens the log. No process removes it while we have it open.
  writer.run("SELECT name FROM sqlite_schema LIMIT 1");
  writer.run("PRAGMA busy_timeout = 0");
  // If the last process could not sync its log, the log can look whole although some of it is not on the disk. So copy
  // it into the file, which SQLite syncs, and begin a new one. If another process is using the log, this does nothing.
  writer.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

function prepareReader(reader: SqliteConnection): void {
  // A reader waits only while another process recovers the log after a crash.
  reader.run("PRAGMA busy_timeout = 10000");
  reader.run("PRAGMA cache_size = -4096");
  reader.run("PRAGMA temp_store = MEMORY");
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}
