import { join } from "node:path";
import { findProgram } from "../../test/support/find-program.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { POSTGRES_DATABASE, POSTGRES_USER } from "./postgres-service.ts";
import { S3_ACCESS } from "./s3-service.ts";

/** One process of the cluster. */
export interface Service {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Makes what it needs, when that is not there yet. */
  readonly prepare?: () => Promise<void>;
  /** Whether it answers. */
  readonly ready: () => Promise<boolean>;
}

const ROOT = join(import.meta.dir, "../..");
const PROBE_TIMEOUT_MS = 1_000;

/** Redis as a cache: it keeps nothing on disk, since a restart must not bring back what was cleared. */
export function redisService({ data, redisPort }: ClusterOptions): Service {
  const memory = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"];
  const options = ["--bind", "127.0.0.1", "--port", String(redisPort), "--save", "", "--appendonly", "no"];
  return {
    name: "redis",
    command: [required("redis-server"), ...options, ...memory, "--dir", data],
    environment: {},
    async ready() {
      const redis = new Bun.RedisClient(`redis://127.0.0.1:${redisPort}`, { autoReconnect: false });
      try {
        return (await redis.send("PING", [])) === "PONG";
      } finally {
        redis.close();
      }
    },
  };
}

/** One Slipway instance. What makes it one registry with the others is that all are told the same. */
export function slipwayService(
  { data, postgresPort, redisPort, s3Port }: ClusterOptions,
  number: number,
  port: number,
  environment: Readonly<Record<string, string>>,
): Service {
  return {
    name: `slipway-${number}`,
    command: [process.execPath, "--no-install", "--no-env-file", join(ROOT, "src/cli/main.ts"), "serve"],
    environment: {
      SLIPWAY_HTTP_PORT: String(port),
      SLIPWAY_DATA: join(data, `slipway-${number}`),
      SLIPWAY_METADATA_ENGINE: "postgres",
      SLIPWAY_METADATA_URL: `postgres://${POSTGRES_USER}@127.0.0.1:${postgresPort}/${POSTGRES_DATABASE}`,
      SLIPWAY_CONTENT_DRIVER: "s3",
      SLIPWAY_CONTENT_BUCKET: S3_ACCESS.bucket,
      SLIPWAY_CONTENT_ENDPOINT: `http://127.0.0.1:${s3Port}`,
      SLIPWAY_CONTENT_FORCE_PATH_STYLE: "true",
      SLIPWAY_CONTENT_ACCESS_KEY_ID: S3_ACCESS.key,
      SLIPWAY_CONTENT_SECRET_ACCESS_KEY: S3_ACCESS.secret,
      ...(environment.SLIPWAY_CACHE_DRIVER === undefined && {
        SLIPWAY_CACHE_DRIVER: "redis",
        SLIPWAY_CACHE_URL: `redis://127.0.0.1:${redisPort}`,
      }),
      ...environment,
    },
    ready: () => answers(`http://127.0.0.1:${port}/v2/`),
  };
}

/** The proxy before the instances. */
export function proxyService({ port, instancePorts }: ClusterOptions): Service {
  return {
    name: "proxy",
    command: [required("node"), join(import.meta.dir, "proxy.mjs"), ...[port, ...instancePorts].map(String)],
    environment: {},
    // Any answer is its own or an instance's; which instances are there is not the proxy's matter.
    ready: () => answers(`http://127.0.0.1:${port}/v2/`, true),
  };
}

/** Where a program is. @throws when it is not installed */
function required(name: string): string {
  const program = findProgram(name);
  if (program === undefined) throw new Error(`${name} is not installed`);
  return program;
}

/** Whether something answers, with success unless `anyhow`. */
async function answers(url: string, anyhow = false): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS), keepalive: false });
  await response.arrayBuffer();
  return anyhow || response.ok;
}
