import type { CheckpointAnswer, CheckpointRequest } from "./sqlite-checkpoint-worker.ts";

/** A checkpoint failed; its data is still in the log. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  /** SQLite's error code, such as `SQLITE_FULL`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Runs checkpoints of one SQLite file in a separate thread. The first checkpoint starts it. */
export class SqliteCheckpointer {
  readonly #request: CheckpointRequest;
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;

  constructor(request: CheckpointRequest) {
    this.#request = request;
  }

  /**
   * Copies the log into the file; joins a running checkpoint if there is one.
   *
   * @throws {CheckpointError}
   */
  checkpoint(): Promise<void> {
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Whether a checkpoint is running. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Ends the thread after the running checkpoint. */
  async close(): Promise<void> {
    await this.#running?.catch(() => {});
    this.#worker?.terminate();
  }

  #ask(): Promise<void> {
    this.#worker ??= startWorker();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<CheckpointAnswer>) => {
        if (data.failure) reject(new CheckpointError(data.failure.code, data.failure.message));
        else resolve();
      };
      worker.onerror = (event) => reject(new CheckpointError("WORKER", event.message));
      worker.postMessage(this.#request);
    });
  }
}

function startWorker(): Worker {
  const worker = new Worker(new URL("./sqlite-checkpoint-worker.ts", import.meta.url));
  // A thread that waits for work must not keep the process alive.
  worker.unref();
  return worker;
}
