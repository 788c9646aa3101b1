/**
 * A thread that copies the write-ahead log into the SQLite file, so that the main thread does not wait for the disk. It
 * gets {@link CheckpointRequest}s, and answers with {@link CheckpointAnswer}s.
 */
import { Database } from "bun:sqlite";
import { answerQuestions } from "../threads/answer-questions.ts";

/** A request for one checkpoint. */
export interface CheckpointRequest {
  readonly path: string;
  /** With this many pages in the log, writers wait for a moment, so that the log can restart. */
  readonly restartPages: number;
}

/** The result of a checkpoint: success, or why it failed. */
export interface CheckpointAnswer {
  readonly failure?: { readonly code: string; readonly message: string };
}

declare const self: Worker;

/** How long a restart of the log waits for readers in other processes; if it fails, the log keeps growing. */
const READERS_TIMEOUT_MS = 1000;

answerQuestions(self, answer);

function answer(request: CheckpointRequest): CheckpointAnswer {
  try {
    checkpoint(request);
    return {};
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
    return { failure: { code, message: String(error) } };
  }
}

/** Runs a checkpoint. SQLite's default, synchronous = FULL, syncs the log before copying and the file afterwards. */
function checkpoint({ path, restartPages }: CheckpointRequest): void {
  using database = new Database(path, { readwrite: true, create: false });
  database.run(`PRAGMA busy_timeout = ${READERS_TIMEOUT_MS}`);
  const pass = database.query<{ log: number }, []>("PRAGMA wal_checkpoint(PASSIVE)").get();
  // No writer waits for the first pass. Under steady writing there is always a rest, which the second pass copies
  // while writers wait; without that the log would never restart.
  if (pass && pass.log >= restartPages) database.query("PRAGMA wal_checkpoint(RESTART)").get();
}
