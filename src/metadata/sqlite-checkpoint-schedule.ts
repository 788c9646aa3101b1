import { type CheckpointError, SqliteCheckpointer } from "./sqlite-checkpointer.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { sqliteFailure } from "./sqlite-errors.ts";
import type { WriteAheadLog } from "./write-ahead-log.ts";

/** A checkpoint starts when this many pages of 4 KiB are in the log but not in the file. */
export const CHECKPOINT_PAGES = 1000;
/** With this many times as many pages in the log, writers wait for a moment so that the log can restart. */
const RESTART_FACTOR = 4;

/** SQLite's error codes of a failed sync; the shorter one does not say which I/O failed. */
const SYNC_FAILED = /^SQLITE_IOERR(_FSYNC|_DIR_FSYNC)?$/;

/** The parts of a schedule. The caller closes the writer and the log. */
interface CheckpointParts {
  readonly path: string;
  readonly writer: SqliteConnection;
  readonly log: WriteAheadLog;
  /** Pages in the log that start a checkpoint. */
  readonly pages: number;
  /** Called once for each series of failures. */
  readonly onWarning: (error: Error) => void;
}

/** Starts checkpoints of one SQLite file when they are due, and handles their failures. */
export class CheckpointSchedule {
  readonly #parts: CheckpointParts;
  readonly #checkpointer: SqliteCheckpointer;
  #hasWarned = false;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    this.#checkpointer = new SqliteCheckpointer({
      path: parts.path,
      restartPages: RESTART_FACTOR * parts.pages,
    });
  }

  /** Starts a checkpoint on another thread, once per that many pages of commits. Nothing waits for it. */
  startIfDue(): void {
    if (this.#checkpointer.isRunning || this.#parts.writer.pagesToCheckpoint() < this.#parts.pages) return;
    this.#checkpointer.checkpoint().then(
      () => {
        this.#hasWarned = false;
      },
      (error: CheckpointError) => this.#handleFailure(error),
    );
  }

  /** Ends the thread after the running checkpoint. */
  close(): Promise<void> {
    return this.#checkpointer.close();
  }

  /**
   * If a checkpoint could not sync, our next sync may succeed although data is lost. After any other failure, such as
   * a full disk, the commits are safe in the log, and the next commit tries again.
   */
  #handleFailure(error: CheckpointError): void {
    if (SYNC_FAILED.test(error.code)) this.#parts.log.distrust(error);
    const failure = sqliteFailure("checkpoint", this.#parts.path, error);
    if (!this.#hasWarned) this.#parts.onWarning(failure instanceof Error ? failure : error);
    this.#hasWarned = true;
  }
}
