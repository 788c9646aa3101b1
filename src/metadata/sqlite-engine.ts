import { Database } from "bun:sqlite";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Semaphore } from "../concurrency/semaphore.ts";
import type { SqlEngine, SqlRow, SqlSession, SqlValue } from "./sql-engine.ts";
import { type CheckpointError, SqliteCheckpointer } from "./sqlite-checkpointer.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { sqliteFailure } from "./sqlite-errors.ts";
import { SqliteFiles } from "./sqlite-files.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

/** How long a writer waits for other processes to finish their transactions before it gives up. */
const WRITE_LOCK_TIMEOUT_MS = 30_000;

/** A checkpoint starts when this many pages of 4 KiB are in the log but not in the file. */
const CHECKPOINT_PAGES = 1000;
/** With this many pages in the log, writers wait for a moment so that the log can restart. */
const RESTART_PAGES = 4000;
/**
 * With this many pages in the log, SQLite itself runs a checkpoint on our thread. It happens only if our checkpoints
 * fail.
 */
const LAST_RESORT_PAGES = 32_000;

/**
 * How long an epoch is assumed to be current, in milliseconds. It takes at least as long until another process's
 * commit is synced and acknowledged, and its client's next request arrives.
 */
const EPOCH_AGE_MS = 0.05;

/** SQLite's error codes of a failed sync; the shorter one does not say which I/O failed. */
const SYNC_FAILED = /^SQLITE_IOERR(_FSYNC|_DIR_FSYNC)?$/;

/**
 * Opens the SQLite database in the file at `path`; creates it and its folders if needed.
 *
 * Several engines, in several processes too, may have the same file open; it must be on a local filesystem.
 *
 * `onWarning` is called once for each series of failures that no caller sees; commits are still safe.
 *
 * @throws {StorageError} if the file cannot be opened or is not a database
 */
export async function openSqliteEngine(
  path: string,
  onWarning: (error: Error) => void = process.emitWarning,
): Promise<SqlEngine> {
  try {
    return await open(path, onWarning);
  } catch (error) {
    throw sqliteFailure("open", path, error);
  }
}

async function open(path: string, onWarning: (error: Error) => void): Promise<SqlEngine> {
  await mkdir(dirname(path), { recursive: true });
  const writer = new SqliteConnection(new Database(path, { create: true, readwrite: true, strict: true }));
  let reader: SqliteConnection | undefined;
  try {
    prepareWriter(writer);
    reader = new SqliteConnection(new Database(path, { readonly: true, strict: true }));
    prepareReader(reader);
    const checkpointer = new SqliteCheckpointer({ path, restartPages: RESTART_PAGES });
    const files = new SqliteFiles(path);
    return new SqliteEngine({
      path,
      files,
      writer,
      reader,
      log: await WriteAheadLog.open(path),
      checkpointer,
      onWarning,
    });
  } catch (error) {
    reader?.close();
    writer.close();
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
  // Opens the log. Nobody removes it while we have it open.
  writer.run("SELECT name FROM sqlite_schema LIMIT 1");
  writer.run("PRAGMA busy_timeout = 0");
}

function prepareReader(reader: SqliteConnection): void {
  // A reader waits only while another process recovers the log after a crash.
  reader.run("PRAGMA busy_timeout = 10000");
  reader.run("PRAGMA cache_size = -4096");
  reader.run("PRAGMA temp_store = MEMORY");
}

/** The parts of an engine, which closes them. */
interface EngineParts {
  readonly path: string;
  readonly files: SqliteFiles;
  readonly writer: SqliteConnection;
  readonly reader: SqliteConnection;
  readonly log: WriteAheadLog;
  readonly checkpointer: SqliteCheckpointer;
  readonly onWarning: (error: Error) => void;
}

class SqliteEngine implements SqlEngine {
  readonly name = "sqlite";
  readonly #path: string;
  readonly #files: SqliteFiles;
  readonly #writer: SqliteConnection;
  readonly #reader: SqliteConnection;
  readonly #log: WriteAheadLog;
  readonly #checkpointer: SqliteCheckpointer;
  readonly #onWarning: (error: Error) => void;
  #hasWarned = false;
  readonly #writing = new Semaphore({ places: 1 });
  #closing: Promise<void> | undefined;
  #epoch: number | undefined;
  #epochReadAt = 0;

  constructor({ path, files, writer, reader, log, checkpointer, onWarning }: EngineParts) {
    this.#path = path;
    this.#files = files;
    this.#writer = writer;
    this.#reader = reader;
    this.#log = log;
    this.#checkpointer = checkpointer;
    this.#onWarning = onWarning;
  }

  async query<Row = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<readonly Row[]> {
    try {
      return this.#reader.query<Row>(sql, parameters);
    } catch (error) {
      throw sqliteFailure("read", this.#path, error);
    }
  }

  async transaction<T>(
    work: (session: SqlSession) => Promise<T>,
    { durable }: { readonly durable: boolean },
  ): Promise<T> {
    try {
      const result = await this.#writing.run(() => this.#commit(work));
      // Even if nothing changed: `work` may have seen another process's commit that is not synced yet.
      if (durable) await this.#log.synced();
      // Check last, so that nothing lost until now is acknowledged.
      this.#files.checkPresence();
      return result;
    } catch (error) {
      throw sqliteFailure("write", this.#path, error);
    }
  }

  checkPresence(): void {
    this.#files.checkPresence();
  }

  /**
   * Asks the file at most every {@link EPOCH_AGE_MS}, because asking takes locks. Once per turn of the event loop
   * would not do: Bun accepts connections and reads requests during a turn.
   */
  epoch(): number {
    const now = performance.now();
    if (this.#epoch === undefined || now - this.#epochReadAt > EPOCH_AGE_MS) {
      this.#epoch = this.#readEpoch();
      this.#epochReadAt = now;
    }
    return this.#epoch;
  }

  #readEpoch(): number {
    try {
      return this.#reader.dataVersion();
    } catch (error) {
      throw sqliteFailure("read", this.#path, error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #commit<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const writer = this.#writer;
    await beginWriting(writer);
    try {
      const result = await work({
        query: async <Row>(sql: string, parameters: readonly SqlValue[] = []) =>
          writer.query<Row>(sql, parameters),
      });
      writer.run("COMMIT");
      this.#epoch = undefined;
      this.#checkpointWhenDue();
      return result;
    } catch (error) {
      // After some errors, such as a full disk, it is rolled back already.
      if (writer.inTransaction) writer.run("ROLLBACK");
      throw error;
    }
  }

  /** Runs once per {@link CHECKPOINT_PAGES} of commits, on another thread. Nobody waits for it. */
  #checkpointWhenDue(): void {
    if (this.#checkpointer.isRunning || this.#writer.pagesToCheckpoint() < CHECKPOINT_PAGES) return;
    this.#checkpointer.checkpoint().then(
      () => {
        this.#hasWarned = false;
      },
      (error: CheckpointError) => this.#checkpointFailed(error),
    );
  }

  /**
   * If a checkpoint could not sync, our next sync may succeed although data is lost. After any other failure, such as
   * a full disk, the commits are safe in the log, and the next commit tries again.
   */
  #checkpointFailed(error: CheckpointError): void {
    if (SYNC_FAILED.test(error.code)) this.#log.distrust(error);
    const failure = sqliteFailure("checkpoint", this.#path, error);
    if (!this.#hasWarned) this.#onWarning(failure instanceof Error ? failure : error);
    this.#hasWarned = true;
  }

  async #close(): Promise<void> {
    await this.#writing.run(async () => {});
    await this.#checkpointer.close();
    await this.#log.close();
    // SQLite removes the log by its name when the last connection closes. If the files were replaced, that would be
    // the log of another database, so leave the connections open until the process ends.
    if (!this.#isPresent()) return;
    this.#reader.close();
    this.#writer.close();
  }

  #isPresent(): boolean {
    try {
      this.#files.checkPresence();
      return true;
    } catch {
      return false;
    }
  }
}

/** Takes the write lock of the file. Waits with timers, because SQLite's own waiting would block the event loop. */
async function beginWriting(writer: SqliteConnection): Promise<void> {
  const giveUpAt = performance.now() + WRITE_LOCK_TIMEOUT_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
    try {
      writer.run("BEGIN IMMEDIATE");
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw error;
    }
    await Bun.sleep(pauseMs * (0.5 + Math.random()));
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}
