import { RedisClient } from "bun";
import { eventually } from "./eventually.ts";
import { findProgram } from "./find-program.ts";
import { freePort } from "./free-port.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";

/** The path of `redis-server`; `undefined` if Redis is not installed. */
export function findRedis(): string | undefined {
  return findProgram("redis-server");
}

/** A Redis server for tests, with its data in a temporary folder. */
export class RedisServer implements AsyncDisposable {
  readonly url: string;
  readonly #folder: TemporaryFolder;
  readonly #program: string;
  readonly #port: number;
  #process: Bun.Subprocess | undefined;

  private constructor(folder: TemporaryFolder, program: string, port: number) {
    this.#folder = folder;
    this.#program = program;
    this.#port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** Starts a server; resolves when it answers. */
  static async start(): Promise<RedisServer> {
    const program = findRedis();
    if (program === undefined) throw new Error("redis-server is not installed");
    const server = new RedisServer(await temporaryFolder("redis"), program, await freePort());
    await server.start();
    return server;
  }

  /** Starts it again on its port, with the data it last saved. */
  async start(): Promise<void> {
    const options = [
      "--port",
      String(this.#port),
      "--bind",
      "127.0.0.1",
      "--dir",
      this.#folder.path,
      "--save",
      "",
    ];
    this.#process = Bun.spawn([this.#program, ...options], { stdout: "ignore", stderr: "inherit" });
    await eventually(async () => (await this.command("PING").catch(() => undefined)) === "PONG");
  }

  /** Runs a command over a new connection. */
  async command(name: string, ...parameters: readonly string[]): Promise<unknown> {
    const client = new RedisClient(this.url, { autoReconnect: false, enableOfflineQueue: false });
    try {
      await client.connect();
      return await client.send(name, [...parameters]);
    } finally {
      client.close();
    }
  }

  /** Stops (`SIGSTOP`) or continues the process. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(signal);
  }

  /** Kills the process; unsaved data is lost. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#folder[Symbol.asyncDispose]();
  }
}
