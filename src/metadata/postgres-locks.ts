import { SQL } from "bun";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import { retrying } from "../concurrency/retrying.ts";
import type { WorkLocks } from "../concurrency/work-locks.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { databaseName, isConnectionLost, postgresFailure } from "./postgres-errors.ts";

/** How long a caller without a signal waits for other instances, in milliseconds. */
const PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 250;

/**
 * Locks that all instances of a database share: advisory locks on one connection of this instance.
 *
 * They end with that connection. So a killed instance releases its locks at once, without clocks or leases. The
 * server notices a silent host within half a minute. Do not use a pooler that gives each transaction another
 * connection.
 */
export class PostgresLocks implements WorkLocks, AsyncDisposable {
  readonly #connection: SQL;
  // A connection can get the same lock twice, so exclude other callers of this process first.
  readonly #local = new KeyedLock();
  readonly #database: string;

  /** Creates locks in the database at `url`; connects when first needed. */
  constructor(url: string) {
    this.#database = databaseName(url);
    this.#connection = new SQL({
      url,
      max: 1,
      connection: {
        application_name: "slipway-locks",
        tcp_keepalives_idle: 10,
        tcp_keepalives_interval: 5,
        tcp_keepalives_count: 3,
      },
    });
  }

  /**
   * Like {@link WorkLocks.run}. @throws {RegistryError} `too-many-requests` after a minute, unless a signal is given
   */
  run<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return this.#local.run(
      name,
      async () => {
        await this.#lock(name, signal);
        try {
          return await work();
        } finally {
          await this.#unlock(name);
        }
      },
      signal,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.end();
  }

  async #lock(name: string, signal: AbortSignal | undefined): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
      signal?.throwIfAborted();
      if (await this.#tryLock(name)) return;
      if (signal === undefined && performance.now() > deadline) {
        throw new RegistryError("too-many-requests", "another request is still working on this");
      }
      await Bun.sleep(pause * (0.5 + Math.random() / 2));
    }
  }

  async #tryLock(name: string): Promise<boolean> {
    const sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked";
    try {
      const [answer] = await retrying(() => this.#connection.unsafe(sql, [name]), {
        mayRepeat: isConnectionLost,
      });
      return answer.locked;
    } catch (error) {
      throw postgresFailure("lock", this.#database, error);
    }
  }

  async #unlock(name: string): Promise<void> {
    try {
      await this.#connection.unsafe("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [name]);
    } catch (error) {
      // The lock ended with the connection.
      if (!isConnectionLost(error)) throw postgresFailure("unlock", this.#database, error);
    }
  }
}
