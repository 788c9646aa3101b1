import { existsSync } from "node:fs";
import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SQL } from "bun";
import { mustRun } from "../../test/support/command.ts";
import { findPostgres, serverAccount } from "../../test/support/postgres.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import type { Service } from "./services.ts";

export const POSTGRES_USER = "slipway";
export const POSTGRES_DATABASE = "slipway";

/** PostgreSQL with data of its own, open to this host. It refuses root, so for root it runs as nobody. */
export async function postgresService({ data, postgresPort }: ClusterOptions): Promise<Service> {
  const binaries = await findPostgres();
  if (binaries === undefined) throw new Error("PostgreSQL is not installed");
  const folder = join(data, "postgres");
  const account = await serverAccount();
  const prefix = account?.prefix ?? [];
  const settings = {
    port: postgresPort,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: 200,
  };
  const url = (database: string) => `postgres://${POSTGRES_USER}@127.0.0.1:${postgresPort}/${database}`;
  return {
    name: "postgres",
    command: [
      ...prefix,
      join(binaries, "postgres"),
      ...["-D", folder],
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    environment: {},
    async prepare() {
      if (existsSync(join(folder, "PG_VERSION"))) return;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (account) await chown(folder, account.user, account.group);
      const locale = ["--encoding=UTF8", "--locale=C.UTF-8"];
      await mustRun([
        ...prefix,
        join(binaries, "initdb"),
        ...["-D", folder, "--auth=trust", `--username=${POSTGRES_USER}`, ...locale],
      ]);
    },
    async ready() {
      await using sql = new SQL({ url: url("postgres"), max: 1, connectionTimeout: 1 });
      const found = await sql.unsafe("SELECT 1 FROM pg_database WHERE datname = $1", [POSTGRES_DATABASE]);
      if (found.length === 0) await sql.unsafe(`CREATE DATABASE ${POSTGRES_DATABASE}`);
      return true;
    },
  };
}
