import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CreateBucketCommand, HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { findProgram } from "../../test/support/find-program.ts";
import { type ClusterOptions, S3_PROGRAMS, type S3Program } from "./cluster-options.ts";
import type { Service } from "./services.ts";

/** The bucket, and who may use it. */
export const S3_ACCESS = { bucket: "slipway", key: "slipway", secret: "slipway-on-loopback" } as const;

/** How each program is told to serve a folder. */
const SERVE: Readonly<Record<S3Program, (folder: string, address: string) => readonly string[]>> = {
  versitygw: (folder, address) => ["--port", address, "--quiet", "posix", folder],
  minio: (folder, address) => ["server", folder, "--address", address, "--quiet"],
};

/** An S3 server with data of its own. @throws when the one asked for cannot be had */
export async function s3Service({ data, s3Port, s3Program }: ClusterOptions): Promise<Service> {
  const { name, path } = chooseProgram(data, s3Program);
  const folder = folderOf(data, name);
  const address = `127.0.0.1:${s3Port}`;
  return {
    name: "s3",
    command: [path, ...SERVE[name](folder, address)],
    environment: {
      ROOT_ACCESS_KEY: S3_ACCESS.key,
      ROOT_SECRET_KEY: S3_ACCESS.secret,
      MINIO_ROOT_USER: S3_ACCESS.key,
      MINIO_ROOT_PASSWORD: S3_ACCESS.secret,
      MINIO_BROWSER: "off",
    },
    prepare: async () => void (await mkdir(folder, { recursive: true })),
    ready: () => createBucket(`http://${address}`),
  };
}

/** No program finds what another has stored, so that data in the folder decides. */
function chooseProgram(
  data: string,
  wanted: S3Program | undefined,
): { readonly name: S3Program; readonly path: string } {
  const stored = S3_PROGRAMS.find((name) => existsSync(folderOf(data, name)));
  if (stored !== undefined && wanted !== undefined && stored !== wanted) {
    throw new Error(`${data} belongs to a cluster with ${stored}; examples/cluster/down --purge removes it`);
  }
  const only = wanted ?? stored;
  const candidates = only === undefined ? S3_PROGRAMS : [only];
  for (const name of candidates) {
    const path = findProgram(name);
    if (path !== undefined) return { name, path };
  }
  throw new Error(
    `no S3 server is installed: put ${candidates.join(" or ")} on the PATH or into SLIPWAY_TEST_BIN`,
  );
}

function folderOf(data: string, program: S3Program): string {
  return join(data, "s3", program);
}

async function createBucket(endpoint: string): Promise<boolean> {
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: S3_ACCESS.key, secretAccessKey: S3_ACCESS.secret },
  });
  try {
    const bucket = { Bucket: S3_ACCESS.bucket };
    await client
      .send(new HeadBucketCommand(bucket))
      .catch(() => client.send(new CreateBucketCommand(bucket)));
    return true;
  } finally {
    client.destroy();
  }
}
