import { chown, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { SQL } from "bun";
import { mustRun } from "./command.ts";
import { freePort } from "./free-port.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A PostgreSQL server for tests, with its data in a temporary folder. */
export interface PostgresServer extends AsyncDisposable {
  /** Creates an empty database; resolves to its URL. */
  createDatabase(): Promise<string>;
  /** Ends the server as in a crash (`crash`), or in an orderly way after closing all sessions (`fast`). */
  stop(how: "crash" | "fast"): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

const DEBIAN_VERSIONS = "/usr/lib/postgresql";

/** The folder with `initdb` and `postgres`; `undefined` if PostgreSQL is not installed. */
export async function findPostgres(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN_VERSIONS).catch(() => []);
  const folders = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((each) => join(DEBIAN_VERSIONS, each, "bin"));
  const candidates = [...folders, ...(process.env.PATH ?? "").split(":")];
  for (const folder of candidates) {
    if (Bun.which("initdb", { PATH: folder }) && Bun.which("postgres", { PATH: folder })) return folder;
  }
  return undefined;
}

/** Starts a server with the programs in `binaries` (see {@link findPostgres}). */
export async function startPostgres(binaries: string): Promise<PostgresServer> {
  const folder = await temporaryFolder("postgres");
  const data = join(folder.path, "data");
  const account = await serverAccount();
  await mkdir(data, { mode: 0o700 });
  if (account) await Promise.all([folder.path, data].map((path) => chown(path, account.user, account.group)));
  // A collation that differs from byte order, so that relying on the default one is noticed.
  const locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"];
  const options = ["-D", data, "--auth=trust", "--username=slipway", "--no-sync", ...locale];
  const prefix = account?.prefix ?? [];
  await mustRun([...prefix, join(binaries, "initdb"), ...options]);
  const server = new TemporaryPostgres(
    folder,
    [...prefix, join(binaries, "postgres"), "-D", data],
    await freePort(),
  );
  await server.start();
  return server;
}

class TemporaryPostgres implements PostgresServer {
  readonly #folder: AsyncDisposable;
  readonly #command: readonly string[];
  readonly #port: number;
  #process: Bun.Subprocess | undefined;
  #databases = 0;

  constructor(folder: AsyncDisposable, command: readonly string[], port: number) {
    this.#folder = folder;
    this.#port = port;
    const settings = [
      `port=${port}`,
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      "max_connections=200",
      // This does not change what a crash of the server loses: the system keeps what was written.
      "fsync=off",
    ];
    this.#command = [...command, ...settings.flatMap((setting) => ["-c", setting])];
  }

  async createDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    await using sql = new SQL({ url: this.#url("postgres"), max: 1 });
    await sql.unsafe(`CREATE DATABASE ${name}`);
    return this.#url(name);
  }

  async start(): Promise<void> {
    const server = Bun.spawn([...this.#command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    this.#process = server;
    const ready = Promise.withResolvers<void>();
    // Read to the end, so that the server never blocks on its log.
    const log = (async () => {
      let text = "";
      for await (const chunk of server.stderr.pipeThrough(new TextDecoderStream())) {
        text = (text + chunk).slice(-4000);
        if (text.includes("ready to accept connections")) ready.resolve();
      }
      return text;
    })();
    log.then(
      (text) => ready.reject(new Error(`PostgreSQL ended before it was ready:\n${text}`)),
      ready.reject,
    );
    await ready.promise;
  }

  async stop(how: "crash" | "fast"): Promise<void> {
    this.#process?.kill(how === "crash" ? "SIGQUIT" : "SIGINT");
    await this.#process?.exited;
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("crash");
    await this.#folder[Symbol.asyncDispose]();
  }

  #url(database: string): string {
    return `postgres://slipway@127.0.0.1:${this.#port}/${database}`;
  }
}

/** The account to run the server as: `nobody`, because PostgreSQL refuses root; `undefined` without root. */
export async function serverAccount() {
  if (process.getuid?.() !== 0) return undefined;
  const [user, group] = await Promise.all(
    ["-u", "-g"].map(async (flag) => Number(await mustRun(["id", flag, "nobody"]))),
  );
  const prefix = ["setpriv", `--reuid=${user}`, `--regid=${group}`, "--clear-groups", "--"];
  return { user: user as number, group: group as number, prefix };
}
