/**
 * A thread that moves what the write-ahead log holds into the SQLite file, so that waiting for the disk there never
 * keeps the server's own thread. Takes {@link CheckpointRequest}, answers with {@link CheckpointAnswer}.
 */
import { Database } from "bun:sqlite";

/** Asks for one checkpoint. */
export interface CheckpointRequest {
  readonly path: string;
  /** From how many pages in the log on writers are held back for a moment, so that it begins anew. */
  readonly restartPages: number;
}

/** Tells that it is done, or why not. */
export interface CheckpointAnswer {
  readonly failure?: { readonly code: string; readonly message: string };
}

declare const self: Worker;

/** How long a restart waits for readers of other processes; without it the log merely grows on. */
const READERS_TIMEOUT_MS = 1000;

self.onmessage = ({ data }: MessageEvent<CheckpointRequest>) => {
  self.postMessage(answer(data));
};

function answer(request: CheckpointRequest): CheckpointAnswer {
  try {
    checkpoint(request);
    return {};
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
    return { failure: { code, message: String(error) } };
  }
}

/** The connection keeps SQLite's default, synchronous = FULL: it syncs the log before it copies, the file after. */
function checkpoint({ path, restartPages }: CheckpointRequest): void {
  using database = new Database(path, { readwrite: true, create: false });
  database.run(`PRAGMA busy_timeout = ${READERS_TIMEOUT_MS}`);
  const pass = database.query<{ log: number }, []>("PRAGMA wal_checkpoint(PASSIVE)").get();
  // Nobody waits for the first pass. Under steady writing there is always a rest, which the second one copies while
  // writers wait; without that the log would never begin anew.
  if (pass && pass.log >= restartPages) database.query("PRAGMA wal_checkpoint(RESTART)").get();
}
