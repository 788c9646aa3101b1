import { RedisClient, type RedisOptions } from "bun";
import { ANY_MEMBERS_PATTERN, INCARNATION_KEY } from "./redis-keys.ts";
import type { RedisScript } from "./redis-scripts.ts";

/** Address of a Redis server. */
export interface RedisConnectionOptions {
  /** Such as `redis://user:password@host:6379/0`; `rediss:` for TLS. */
  readonly url: string;
  readonly tls?: NonNullable<RedisOptions["tls"]>;
}

const CONNECT_TIMEOUT_MS = 1_000;
/** Keys to read in one step of a scan. */
const SCAN_COUNT = 5_000;

/**
 * A Redis connection that is either checked and up, or rejects every command at once. It never reconnects by itself
 * and queues nothing: the caller decides when to {@link check}.
 *
 * A Redis that restarts, or a replica that takes over, may have data from before the last clears. So a key in the
 * data names the server process that the data is valid for. If a check finds another process, it removes all
 * memberships first.
 */
export class RedisConnection implements Disposable {
  readonly #options: RedisConnectionOptions;
  #client: RedisClient | undefined;
  #connecting: RedisClient | undefined;
  /** Progress of the scan that removes all memberships after the server process changed. */
  #purge: { readonly process: string; cursor: string } | undefined;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
  }

  /** Runs a command; rejects at once while there is no checked connection. */
  send(command: string, ...parameters: readonly string[]): Promise<unknown> {
    if (this.#client === undefined) return Promise.reject(new Error("not connected to Redis"));
    return this.#client.send(command, [...parameters]);
  }

  /** Runs a script; the server keeps its text for later calls. */
  async run(script: RedisScript, keys: readonly string[], parameters: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...parameters];
    try {
      return await this.send("EVALSHA", script.sha1, ...rest);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes("NOSCRIPT")) throw error;
      return await this.send("EVAL", script.text, ...rest);
    }
  }

  /** Connects again, and removes memberships that may have missed a clear. */
  async check(): Promise<void> {
    this.#drop();
    const client = new RedisClient(this.#options.url, {
      autoReconnect: false,
      enableOfflineQueue: false,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      ...(this.#options.tls !== undefined && { tls: this.#options.tls }),
    });
    this.#connecting = client;
    await client.connect();
    await this.#trust(client);
    // A later check, or dispose, has closed this client in the meantime.
    if (this.#connecting !== client) throw new Error("superseded by another connection");
    client.onclose = () => {
      if (this.#client === client) this.#client = undefined;
    };
    if (!client.connected) throw new Error("the connection closed again");
    this.#connecting = undefined;
    this.#client = client;
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#drop();
  }

  #drop(): void {
    this.#connecting?.close();
    this.#client?.close();
    this.#connecting = undefined;
    this.#client = undefined;
  }

  async #trust(client: RedisClient): Promise<void> {
    const information = String(await client.send("INFO", ["server"]));
    const process = /^run_id:(\S+)/m.exec(information)?.[1];
    if (process === undefined) throw new Error("the server does not report its run_id");
    if ((await client.send("GET", [INCARNATION_KEY])) === process) return;
    await this.#removeMemberships(client, process);
    await client.send("SET", [INCARNATION_KEY, process]);
  }

  /** Continues where an earlier check of the same server process stopped. */
  async #removeMemberships(client: RedisClient, process: string): Promise<void> {
    if (this.#purge?.process !== process) this.#purge = { process, cursor: "0" };
    const purge = this.#purge;
    do {
      const step = ["MATCH", ANY_MEMBERS_PATTERN, "COUNT", String(SCAN_COUNT)];
      const [cursor, keys] = (await client.send("SCAN", [purge.cursor, ...step])) as [string, string[]];
      if (keys.length > 0) await client.send("UNLINK", keys);
      purge.cursor = cursor;
    } while (purge.cursor !== "0");
    this.#purge = undefined;
  }
}
