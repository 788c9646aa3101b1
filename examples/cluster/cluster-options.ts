import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

/** S3 servers that a cluster can run on; the first that is installed is taken unless one is asked for. */
export const S3_PROGRAMS = ["versitygw", "minio"] as const;

/** One of {@link S3_PROGRAMS}. */
export type S3Program = (typeof S3_PROGRAMS)[number];

/** Where a cluster is, and what it is made of. */
export interface ClusterOptions {
  /** Folder for everything, as an absolute path. */
  readonly data: string;
  /** Where clients connect: the proxy's port. */
  readonly port: number;
  readonly instancePorts: readonly number[];
  readonly postgresPort: number;
  readonly redisPort: number;
  readonly s3Port: number;
  /** Without it, the one whose data is there already, or else the first that is installed. */
  readonly s3Program?: S3Program | undefined;
}

const DEFAULT_PORT = 5000;
const DEFAULT_INSTANCES = 3;

export const USAGE = `Usage: examples/cluster/up [options]
       examples/cluster/down [--data FOLDER] [--purge]

Runs PostgreSQL, Redis, an S3 server, Slipway instances and a round-robin proxy on 127.0.0.1. What runs already is
left alone, so that "up" also starts again what has ended.

  --data FOLDER        where everything is kept (./cluster-data)
  --instances N        Slipway instances (3)
  --s3 PROGRAM         ${S3_PROGRAMS.join(" or ")} (the one that the data is of, else the first that is installed)
  --port N             the proxy (${DEFAULT_PORT})
  --instance-port N    the first instance; the others follow (proxy + 1)
  --postgres-port N    (proxy + 20)
  --redis-port N       (proxy + 21)
  --s3-port N          (proxy + 22)
  --purge              "down" also removes what is kept`;

/** Options that the command line spells, and whether to purge; `undefined` when it asks for help. */
export function parseClusterOptions(
  args: readonly string[],
): { readonly cluster: ClusterOptions; readonly purge: boolean } | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: text,
      s3: text,
      instances: text,
      port: text,
      "instance-port": text,
      "postgres-port": text,
      "redis-port": text,
      "s3-port": text,
      purge: flag,
      help: flag,
    },
  });
  if (values.help) return undefined;
  const number = (name: keyof typeof values, fallback: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new Error(`--${name} takes a number`);
    return value;
  };
  const port = number("port", DEFAULT_PORT);
  const firstInstance = number("instance-port", port + 1);
  const count = number("instances", DEFAULT_INSTANCES);
  const cluster = {
    data: resolve(values.data ?? "cluster-data"),
    port,
    instancePorts: Array.from({ length: count }, (_, index) => firstInstance + index),
    postgresPort: number("postgres-port", port + 20),
    redisPort: number("redis-port", port + 21),
    s3Port: number("s3-port", port + 22),
    s3Program: parseS3Program(values.s3),
  };
  return { cluster, purge: values.purge };
}

/** The S3 server that `--s3` names, if it was given. @throws when there is no such one */
export function parseS3Program(text: string | undefined): S3Program | undefined {
  const program = S3_PROGRAMS.find((name) => name === text);
  if (text !== undefined && program === undefined) {
    throw new Error(`--s3 takes ${S3_PROGRAMS.join(" or ")}`);
  }
  return program;
}

/** The folder of pid files. */
export function pidFolder(data: string): string {
  return join(data, "run");
}
