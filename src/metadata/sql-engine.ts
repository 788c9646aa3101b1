/** A value of a parameter or column. */
export type SqlValue = string | number | bigint | boolean | Uint8Array | null;

/** One row of a result. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Runs statements. Parameters are `$1`, `$2`, … on every engine. */
export interface SqlSession {
  /** The rows of a statement. The text must be a constant, because it is prepared once and kept. */
  query<Row = SqlRow>(sql: string, parameters?: readonly SqlValue[]): Promise<readonly Row[]>;
}

/** What a transaction needs of the disk. */
export interface TransactionOptions {
  /** Whether to resolve only once the commit survives a power cut. */
  readonly durable: boolean;
  /** Whether it may use the space that is kept for when the disk is full: for deletes, which make room. */
  readonly usesReserve?: boolean;
}

/**
 * The database behind the metadata. Two engines run the same statements.
 *
 * Reads outside a transaction see only committed data.
 */
export interface SqlEngine extends SqlSession, AsyncDisposable {
  /** `sqlite` or `postgres`; use it for migrations and logs, never to choose a statement. */
  readonly name: "sqlite" | "postgres";

  /**
   * Runs `work` in a transaction: commits it, or rolls it back if `work` throws.
   *
   * On SQLite, no other writer runs at the same time. On PostgreSQL, no other writer that changed the same rows does,
   * and each statement sees everything committed before it: so change a row first, then decide by the data it guards.
   * `work` can run again if another transaction, a lost connection or a full disk rolled it back, so it must have no
   * effect except through `session` and must open no other transaction.
   */
  transaction<T>(work: (session: SqlSession) => Promise<T>, options: TransactionOptions): Promise<T>;

  /**
   * A number that changes whenever any process commits a change; `undefined` if the engine cannot tell, so that
   * nothing read from it may be cached.
   */
  epoch(): number | undefined;

  /**
   * Checks that a restart would find the open database. Absent if a database server takes care of that.
   *
   * @throws {StorageError} condition `gone`
   */
  checkPresence?(): void;
}
