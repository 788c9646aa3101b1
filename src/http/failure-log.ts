import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { StorageFailure } from "../oci/storage-error.ts";

/** The failed request. It has no query, which may contain private data. */
export interface FailedRequest {
  readonly method: string;
  readonly path: string;
}

/**
 * Minimum time between two lines about the same storage condition, in milliseconds. Few lines, because the log is often
 * on the full disk.
 */
const STORAGE_INTERVAL_MS = 10_000;

/** Logs requests that failed through no fault of the client. */
export class FailureLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  /** For each driver and condition: when it was last logged, and how many requests failed since. */
  readonly #storage = new Map<string, { readonly loggedAt: number; unlogged: number }>();

  constructor(log: Logger, clock: Clock = SYSTEM_CLOCK) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Logs what failed, where, and what to do, and how many requests failed in the same way since the last line. */
  storageFailed({ error, condition, remedy, storage }: StorageFailure, request: FailedRequest): void {
    const kind = `${storage?.driver} ${condition}`;
    const earlier = this.#storage.get(kind);
    const now = this.#clock.now();
    if (earlier !== undefined && now - earlier.loggedAt < STORAGE_INTERVAL_MS) {
      earlier.unlogged += 1;
      return;
    }
    this.#storage.set(kind, { loggedAt: now, unlogged: 0 });
    const alike = earlier === undefined ? {} : { failedSinceLastLine: earlier.unlogged };
    this.#log.error({ ...request, ...storage, ...alike, err: error.cause }, `${error.message}: ${remedy}`);
  }

  /** Logs an unexpected error. */
  requestFailed(error: unknown, request: FailedRequest): void {
    this.#log.error({ err: error, ...request }, "request failed");
  }

  /** Logs that a client disconnected before its answer. */
  clientWentAway(request: FailedRequest): void {
    this.#log.debug(request, "client disconnected");
  }
}
