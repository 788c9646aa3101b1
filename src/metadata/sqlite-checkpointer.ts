import { WorkerClient } from "../threads/worker-client.ts";
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
  readonly #thread: WorkerClient<CheckpointRequest, CheckpointAnswer>;
  #running: Promise<void> | undefined;

  /** `start` replaces the thread, so that tests can make it fail. */
  constructor(request: CheckpointRequest, start = startCheckpointThread) {
    this.#request = request;
    this.#thread = new WorkerClient({ start });
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
    this.#thread[Symbol.dispose]();
  }

  async #ask(): Promise<void> {
    const { failure } = await this.#thread.ask(this.#request).catch((error: unknown) => ({
      failure: { code: "WORKER", message: String(error) },
    }));
    if (failure !== undefined) throw new CheckpointError(failure.code, failure.message);
  }
}

/** Starts the thread that runs checkpoints. */
export function startCheckpointThread(): Worker {
  return new Worker(new URL("./sqlite-checkpoint-worker.ts", import.meta.url));
}
