import type { Database, Statement } from "bun:sqlite";
import type { SqlValue } from "./sql-engine.ts";

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
