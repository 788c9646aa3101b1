import { Database } from "bun:sqlite";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { AsyncMutex } from "./async-mutex.ts";
import type { SqlEngine, SqlRow, SqlSession, SqlValue } from "./sql-engine.ts";
import { type CheckpointError, SqliteCheckpointer } from "./sqlite-checkpointer.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

/** How long a writer waits for other processes to finish their transactions before it gives up. */
const WRITE_LOCK_TIMEOUT_MS = 30_000;

/** Pages of 4 KiB in the log that are not in the file yet, from which on they are moved there. */
const CHECKPOINT_PAGES = 1000;
/** Pages in the log from which on it begins anew, for which writers wait a moment. */
const RESTART_PAGES = 4000;
/** Pages in the log at which SQLite itself moves them, on our thread: never, unless other processes fail to. */
const LAST_RESORT_PAGES = 32_000;

/**
 * The SQLite database in the file at `path`, made with its folders when it is not there.
 *
 * Several engines, in several processes too, may have the same file open; it must be on a local filesystem.
 */
export async function openSqliteEngine(path: string): Promise<SqlEngine> {
  await mkdir(dirname(path), { recursive: true });
  const writer = new SqliteConnection(new Database(path, { create: true, readwrite: true, strict: true }));
  let reader: SqliteConnection | undefined;
  try {
    prepareWriter(writer);
    reader = new SqliteConnection(new Database(path, { readonly: true, strict: true }));
    prepareReader(reader);
    const checkpointer = new SqliteCheckpointer({ path, restartPages: RESTART_PAGES });
    return new SqliteEngine({ writer, reader, log: await WriteAheadLog.open(path), checkpointer });
  } catch (error) {
    reader?.close();
    writer.close();
    throw error;
  }
}

function prepareWriter(writer: SqliteConnection): void {
  // Only for these first statements: transactions wait without blocking the event loop.
  writer.run("PRAGMA busy_timeout = 10000");
  writer.run("PRAGMA journal_mode = WAL");
  // The log is synced by us, once for many commits, and by SQLite around its checkpoints.
  writer.run("PRAGMA synchronous = NORMAL");
  writer.run("PRAGMA foreign_keys = ON");
  writer.run("PRAGMA cache_size = -16384");
  writer.run("PRAGMA temp_store = MEMORY");
  writer.run("PRAGMA journal_size_limit = 67108864");
  writer.run(`PRAGMA wal_autocheckpoint = ${LAST_RESORT_PAGES}`);
  // Opens the log: as long as we have it open, nobody removes it.
  writer.run("SELECT name FROM sqlite_schema LIMIT 1");
  writer.run("PRAGMA busy_timeout = 0");
}

function prepareReader(reader: SqliteConnection): void {
  // A reader waits only while another process recovers the log after a crash.
  reader.run("PRAGMA busy_timeout = 10000");
  reader.run("PRAGMA cache_size = -16384");
  reader.run("PRAGMA temp_store = MEMORY");
}

/** What an engine is made of; it closes all of it. */
interface EngineParts {
  readonly writer: SqliteConnection;
  readonly reader: SqliteConnection;
  readonly log: WriteAheadLog;
  readonly checkpointer: SqliteCheckpointer;
}

class SqliteEngine implements SqlEngine {
  readonly name = "sqlite";
  readonly #writer: SqliteConnection;
  readonly #reader: SqliteConnection;
  readonly #log: WriteAheadLog;
  readonly #checkpointer: SqliteCheckpointer;
  readonly #writing = new AsyncMutex();
  #closing: Promise<void> | undefined;
  #epoch: number | undefined;
  readonly #forgetEpoch = () => {
    this.#epoch = undefined;
  };

  constructor({ writer, reader, log, checkpointer }: EngineParts) {
    this.#writer = writer;
    this.#reader = reader;
    this.#log = log;
    this.#checkpointer = checkpointer;
  }

  async query<Row = SqlRow>(sql: string, parameters: readonly SqlValue[] = []): Promise<readonly Row[]> {
    return this.#reader.query<Row>(sql, parameters);
  }

  async transaction<T>(
    work: (session: SqlSession) => Promise<T>,
    { durable }: { readonly durable: boolean },
  ): Promise<T> {
    const result = await this.#writing.run(() => this.#commit(work));
    // Also when nothing changed: what `work` saw may be the commit of another that is not synced yet.
    if (durable) await this.#log.synced();
    return result;
  }

  /**
   * Asks the file once per turn of the event loop, since asking takes locks. A request that was sent after somebody
   * else's commit was acknowledged is read in a later turn, so it sees that commit.
   */
  epoch(): number {
    if (this.#epoch === undefined) {
      this.#epoch = this.#reader.dataVersion();
      setImmediate(this.#forgetEpoch);
    }
    return this.#epoch;
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
      // Some errors, such as a full disk, have rolled it back already.
      if (writer.inTransaction) writer.run("ROLLBACK");
      throw error;
    }
  }

  /** Once per {@link CHECKPOINT_PAGES} of commits, on another thread; nobody waits for it. */
  #checkpointWhenDue(): void {
    if (this.#checkpointer.isRunning || this.#writer.pagesToCheckpoint() < CHECKPOINT_PAGES) return;
    this.#checkpointer.checkpoint().catch((error: CheckpointError) => {
      // What a checkpoint could not sync, a later sync of ours may wrongly call safe. Any other failure, such as a
      // full disk, leaves the commits safe in the log, and the next commit tries again.
      if (error.code.startsWith("SQLITE_IOERR")) this.#log.distrust(error);
      else process.emitWarning(error);
    });
  }

  async #close(): Promise<void> {
    await this.#writing.run(async () => {});
    await this.#checkpointer.close();
    await this.#log.close();
    this.#reader.close();
    this.#writer.close();
  }
}

/** Takes the write lock of the file. Waits with timers, since SQLite's own waiting would block the event loop. */
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
