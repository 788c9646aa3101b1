import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CreateBucketCommand, HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { findProgram } from "../../test/support/find-program.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import type { Service } from "./services.ts";

/** The bucket, and who may use it. */
export const S3_ACCESS = { bucket: "slipway", key: "slipway", secret: "slipway-on-loopback" } as const;

/** An S3 server: versitygw, or MinIO where that is what is installed. */
export async function s3Service({ data, s3Port }: ClusterOptions): Promise<Service> {
  const folder = join(data, "s3");
  const address = `127.0.0.1:${s3Port}`;
  return {
    name: "s3",
    command: commandOf(folder, address),
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

function commandOf(folder: string, address: string): readonly string[] {
  const versitygw = findProgram("versitygw");
  if (versitygw !== undefined) return [versitygw, "--port", address, "--quiet", "posix", folder];
  const minio = findProgram("minio");
  if (minio !== undefined) return [minio, "server", folder, "--address", address, "--quiet"];
  throw new Error("no S3 server is installed: put versitygw or minio on the PATH or into SLIPWAY_TEST_BIN");
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
