import { chmod } from "node:fs/promises";
import { Cluster } from "../../examples/cluster/cluster.ts";
import type { ClusterOptions, S3Program } from "../../examples/cluster/cluster-options.ts";
import { freePort } from "./free-port.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";

/** A place for a cluster of three instances on this host. */
export interface ClusterPlace extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly options: ClusterOptions;
  readonly redisUrl: string;
  /** The cluster in this place, not started, whose instances get these variables. */
  open(environment: Readonly<Record<string, string>>): Promise<Cluster>;
}

/** Variables for every instance of a test. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  // The minimum of S3, so that uploads of a few MiB have parts.
  SLIPWAY_CONTENT_PART_BYTES: String(5 << 20),
};

/** Chooses a temporary folder and free ports for a cluster, on the S3 server `s3Program` or any that is installed. */
export async function findClusterPlace(s3Program: S3Program | undefined): Promise<ClusterPlace> {
  const folder = await temporaryFolder("cluster");
  // PostgreSQL runs as another user when this is root.
  await chmod(folder.path, 0o755);
  const redisPort = await freePort();
  const options = {
    data: folder.path,
    port: await freePort(),
    instancePorts: [await freePort(), await freePort(), await freePort()],
    postgresPort: await freePort(),
    redisPort,
    s3Port: await freePort(),
    s3Program,
  };
  return {
    folder,
    options,
    redisUrl: `redis://127.0.0.1:${redisPort}`,
    open: (environment) => Cluster.open(options, () => ({ ...ENVIRONMENT, ...environment })),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
