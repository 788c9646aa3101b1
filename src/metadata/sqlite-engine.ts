import { open as openFile, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { Semaphore } from "../concurrency/semaphore.ts";
import { makeDurableFolder } from "../files/durable-folder.ts";
import { StorageError } from "../oci/storage-error.ts";
import type { SpaceReserve } from "./space-reserve.ts";
import type { SqlEngine, SqlRow, SqlSession, SqlValue, TransactionOptions } from "./sql-engine.ts";
import { CHECKPOINT_PAGES, CheckpointSchedule } from "./sqlite-checkpoint-schedule.ts";
import { openReader, openWriter, type SqliteConnection } from "./sqlite-connection.ts";
import { sqliteFailure } from "./sqlite-errors.ts";
import { SqliteFiles } from "./sqlite-files.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

/**
 * How long an epoch is assumed to be current, in milliseconds. It takes longer until a commit of another process is
 * synced and acknowledged, and its client's next request arrives.
 */
const EPOCH_AGE_MS = 0.05;

/** Options of a SQLite engine. */
export interface SqliteOptions {
  /** Called once for each series of failures that no caller sees; commits are still safe. */
  readonly onWarning?: (error: Error) => void;
  /** Pages of 4 KiB in the log that start a checkpoint. */
  readonly checkpointPages?: number | undefined;
  /** Space for deletes on a full disk. */
  readonly reserve?: SpaceReserve | undefined;
}

/**
 * Opens the SQLite database in the file at `path`; creates it and its folders if needed.
 *
 * Several engines can have the same file open, also in several processes. It must be on a local file system.
 *
 * @throws {StorageError} if the file cannot be opened or is not a database
 */
export async function openSqliteEngine(path: string, options: SqliteOptions = {}): Promise<SqlEngine> {
  try {
    return await open(path, options);
  } catch (error) {
    const failure = sqliteFailure("open", path, error);
    // A full disk must not prevent a start, because the server is needed to make room.
    if (isFull(failure) && options.reserve?.release()) return await openSqliteEngine(path, options);
    throw failure;
  }
}

async function open(
  name: string,
  { onWarning = process.emitWarning, checkpointPages: pages = CHECKPOINT_PAGES, reserve }: SqliteOptions,
): Promise<SqlEngine> {
  await makeDurableFolder(dirname(name));
  // SQLite gives its other files the same mode.
  await (await openFile(name, "a", 0o600)).close();
  // SQLite follows a symbolic link, and keeps its other files beside the file itself.
  const path = await realpath(name);
  const writer = openWriter(path);
  let reader: SqliteConnection | undefined;
  try {
    reader = openReader(path);
    const files = new SqliteFiles(path);
    const log = await WriteAheadLog.open(path);
    const checkpoints = new CheckpointSchedule({ path, writer, log, pages, onWarning });
    return new SqliteEngine({ path, files, writer, reader, log, checkpoints, reserve });
  } catch (error) {
    reader?.close();
    writer.close();
    throw error;
  }
}

/** The parts of an engine, which closes them. */
interface EngineParts {
  readonly path: string;
  readonly files: SqliteFiles;
  readonly writer: SqliteConnection;
  readonly reader: SqliteConnection;
  readonly log: WriteAheadLog;
  readonly checkpoints: CheckpointSchedule;
  readonly reserve: SpaceReserve | undefined;
}

class SqliteEngine implements SqlEngine {
  readonly name = "sqlite";
  readonly #path: string;
  readonly #files: SqliteFiles;
  readonly #writer: SqliteConnection;
  readonly #reader: SqliteConnection;
  readonly #log: WriteAheadLog;
  readonly #checkpoints: CheckpointSchedule;
  readonly #reserve: SpaceReserve | undefined;
  readonly #writing = new Semaphore({ places: 1 });
  #closing: Promise<void> | undefined;
  #epoch: number | undefined;
  #epochReadAt = 0;

  constructor({ path, files, writer, reader, log, checkpoints, reserve }: EngineParts) {
    this.#path = path;
    this.#files = files;
    this.#writer = writer;
    this.#reader = reader;
    this.#log = log;
    this.#checkpoints = checkpoints;
    this.#reserve = reserve;
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
    { durable, usesReserve = false }: TransactionOptions,
  ): Promise<T> {
    try {
      if (!usesReserve) this.#reserve?.check();
      const result = await this.#writing.run(() =>
        usesReserve ? this.#commitWithReserve(work) : this.#commit(work),
      );
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
    this.#log.checkTrust();
  }

  /**
   * Reads the epoch from the file at most every {@link EPOCH_AGE_MS}, because that takes locks. Once per turn of the
   * event loop is too rare: Bun accepts connections and reads requests during a turn.
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

  /** Commits, and makes room first if the disk is full. */
  async #commitWithReserve<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    try {
      return await this.#commit(work);
    } catch (error) {
      if (!isFull(sqliteFailure("write", this.#path, error)) || !this.#reserve?.release()) throw error;
      return await this.#commit(work);
    }
  }

  async #commit<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const writer = this.#writer;
    await writer.begin();
    try {
      const result = await work({
        query: async <Row>(sql: string, parameters: readonly SqlValue[] = []) =>
          writer.query<Row>(sql, parameters),
      });
      writer.run("COMMIT");
      this.#epoch = undefined;
      this.#checkpoints.startIfDue();
      return result;
    } catch (error) {
      // After some errors, such as a full disk, it is rolled back already.
      if (writer.inTransaction) writer.run("ROLLBACK");
      throw error;
    }
  }

  async #close(): Promise<void> {
    await this.#writing.run(async () => {});
    await this.#checkpoints.close();
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

function isFull(error: unknown): boolean {
  return error instanceof StorageError && error.condition === "full";
}
