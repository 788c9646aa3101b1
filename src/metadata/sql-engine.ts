/** What a statement binds and what a column holds. */
export type SqlValue = string | number | bigint | boolean | Uint8Array | null;

/** One row of an answer. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Runs statements. Text uses `$1`, `$2`, … for parameters, on every engine. */
export interface SqlSession {
  /** The rows of a statement; the text must be a constant, since it is prepared once and kept. */
  query<Row = SqlRow>(sql: string, parameters?: readonly SqlValue[]): Promise<readonly Row[]>;
}

/**
 * The database behind the metadata: two engines, one set of statements.
 *
 * Reads outside a transaction see only what is committed.
 */
export interface SqlEngine extends SqlSession, AsyncDisposable {
  /** `sqlite` or `postgres`; for migrations and logs, never to choose a statement. */
  readonly name: "sqlite" | "postgres";

  /**
   * Commits what `work` did, or rolls all of it back when it throws.
   *
   * On SQLite `work` is alone among writers. On PostgreSQL it is alone among those who changed the same rows, and
   * each of its statements sees what was committed before that statement: so change a row first, then decide by what
   * it guards. It may be run again when others, or a lost connection, undid it: it has no effect but through
   * `session`, and opens no other transaction.
   *
   * With `durable` the promise resolves only when the commit survives a power cut.
   */
  transaction<T>(
    work: (session: SqlSession) => Promise<T>,
    options: { readonly durable: boolean },
  ): Promise<T>;

  /**
   * A number that stands still exactly as long as nobody, in this process or another, has committed a change;
   * `undefined` when the engine cannot tell, so that nothing read from it may be kept.
   */
  epoch(): number | undefined;
}
