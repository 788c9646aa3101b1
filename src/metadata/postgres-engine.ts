import { SQL } from "bun";
import { retrying } from "../concurrency/retrying.ts";
import { databaseName, isConnectionLost, isRolledBackByServer, postgresFailure } from "./postgres-errors.ts";
import type { SqlEngine, SqlRow, SqlSession, SqlValue, TransactionOptions } from "./sql-engine.ts";

/** How a PostgreSQL engine is tuned. */
export interface PostgresEngineOptions {
  /** Connections for reads, 1 or more. Each carries many reads at a time. */
  readonly readConnections?: number;
  /** Connections for transactions, 1 or more. Each carries one transaction at a time. */
  readonly writeConnections?: number;
}

const DEFAULT_READ_CONNECTIONS = 4;
const DEFAULT_WRITE_CONNECTIONS = 8;
const CONNECT_TIMEOUT_SECONDS = 10;

/** How long a transaction may be idle, in milliseconds. This frees the locks of instances that died unnoticed. */
const ABANDONED_TRANSACTION_TIMEOUT_MS = 30_000;

/** The first statement of a transaction: how safe its commit must be, never less than the operator's setting. */
const SET_DURABILITY = `SELECT set_config('synchronous_commit', CASE
  WHEN $1 = 'no' THEN 'off'
  WHEN current_setting('synchronous_commit') = 'off' THEN 'on'
  ELSE current_setting('synchronous_commit') END, true)`;

/**
 * The PostgreSQL database at `url` (`postgres://user:password@host:port/database`), which must use UTF-8.
 *
 * Dropped connections are opened again when needed.
 *
 * @throws {StorageError} if it cannot connect
 */
export async function openPostgresEngine(
  url: string,
  options: PostgresEngineOptions = {},
): Promise<SqlEngine> {
  const engine = new PostgresEngine(url, options);
  try {
    await engine.query("SELECT 1 AS reachable");
    return engine;
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

class PostgresEngine implements SqlEngine {
  readonly name = "postgres";
  // Two pools, so that reads never wait for transactions that wait for a lock.
  readonly #readers: SQL;
  readonly #writers: SQL;
  readonly #database: string;

  constructor(url: string, options: PostgresEngineOptions) {
    this.#database = databaseName(url);
    this.#readers = pool(url, options.readConnections ?? DEFAULT_READ_CONNECTIONS);
    this.#writers = pool(url, options.writeConnections ?? DEFAULT_WRITE_CONNECTIONS);
  }

  async query<Row = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<readonly Row[]> {
    try {
      return await retrying(() => run<Row>(this.#readers, sql, parameters), { mayRepeat: isConnectionLost });
    } catch (error) {
      throw postgresFailure("read", this.#database, error);
    }
  }

  async transaction<T>(work: (session: SqlSession) => Promise<T>, options: TransactionOptions): Promise<T> {
    try {
      return await this.#transact(work, options);
    } catch (error) {
      throw postgresFailure("write", this.#database, error);
    }
  }

  #transact<T>(work: (session: SqlSession) => Promise<T>, { durable }: TransactionOptions): Promise<T> {
    let isCommitting = false;
    const attempt = () => {
      isCommitting = false;
      // Writers of one thing lock its row first, then read; each statement sees what was committed before it.
      return this.#writers.begin("ISOLATION LEVEL READ COMMITTED", async (connection) => {
        await run(connection, SET_DURABILITY, [durable ? "yes" : "no"]);
        const result = await work({ query: (sql, parameters = []) => run(connection, sql, parameters) });
        isCommitting = true;
        return result;
      }) as Promise<T>;
    };
    // A transaction whose connection is lost during the commit may have committed. So do not repeat it; the caller
    // has to find out.
    return retrying(attempt, {
      mayRepeat: (error) => isRolledBackByServer(error) || (!isCommitting && isConnectionLost(error)),
    });
  }

  /** Always `undefined`: asking the server costs as much as the read that a cache would save. */
  epoch(): undefined {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#readers.end(), this.#writers.end()]);
  }
}

function pool(url: string, max: number): SQL {
  return new SQL({
    url,
    max,
    // Otherwise 64-bit integers come as text.
    bigint: true,
    connectionTimeout: CONNECT_TIMEOUT_SECONDS,
    connection: {
      application_name: "slipway",
      idle_in_transaction_session_timeout: ABANDONED_TRANSACTION_TIMEOUT_MS,
    },
  });
}

async function run<Row>(
  connection: SQL,
  sql: string,
  parameters: readonly SqlValue[],
): Promise<readonly Row[]> {
  const rows: readonly Record<string, unknown>[] = await connection.unsafe(sql, [...parameters]);
  return rows.map((row) => plainRow(row) as Row);
}

/** The row with numbers as numbers, exact up to 2^53 as on every engine, and bytes as plain arrays. */
function plainRow(row: Readonly<Record<string, unknown>>): SqlRow {
  const plain: Record<string, SqlValue> = {};
  for (const column in row) plain[column] = plainValue(row[column]);
  return plain;
}

function plainValue(value: unknown): SqlValue {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return value as SqlValue;
}
