import { SQL } from "bun";
import { KeyedLock } from "../oci/keyed-lock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { WorkLocks } from "../oci/work-locks.ts";
import { persistently } from "./persistently.ts";
import { isConnectionLost } from "./postgres-errors.ts";

/** Milliseconds that a caller without a signal waits for other instances. */
const PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/**
 * Locks that all instances on one database share: advisory locks, all of them on one connection of this instance.
 *
 * They end with that connection. So an instance that is killed gives its locks back in that moment, without a clock
 * or a lease; the server finds out about a host that fell silent within half a minute. A pooler that gives each
 * transaction another connection must not stand in between.
 */
export class PostgresLocks implements WorkLocks, AsyncDisposable {
  readonly #connection: SQL;
  // A connection that asks twice for the same lock gets it twice.
  readonly #local = new KeyedLock();

  /** Locks in the database at `url`; connects when they are first needed. */
  constructor(url: string) {
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

  /** As {@link WorkLocks.run}. @throws {RegistryError} `too-many-requests` after a minute's wait, unless a signal is given */
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
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      signal?.throwIfAborted();
      const [answer] = await persistently(
        () =>
          this.#connection.unsafe("SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked", [name]),
        isConnectionLost,
      );
      if (answer.locked) return;
      if (signal === undefined && performance.now() > deadline) {
        throw new RegistryError("too-many-requests", "another request is still at work on this");
      }
      await Bun.sleep(pause * (0.5 + Math.random() / 2));
    }
  }

  async #unlock(name: string): Promise<void> {
    try {
      await this.#connection.unsafe("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [name]);
    } catch (error) {
      // The lock went with the connection.
      if (!isConnectionLost(error)) throw error;
    }
  }
}
