import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { reportingFailure } from "./storage-failure.ts";

/** Name of the S3 driver in errors, logs and configuration. */
export const S3_DRIVER = "s3";

/** How a bucket is reached, and how objects are stored in it. */
export interface S3BucketOptions {
  readonly bucket: string;
  /** Put before every key, such as `registry/`; nothing unless told. */
  readonly prefix?: string;
  /** AWS's name of the region; any text for a server that has none. */
  readonly region: string;
  /** Address of a server that is not AWS, such as `http://127.0.0.1:9000`. */
  readonly endpoint?: string;
  /** Puts the bucket into the path rather than the host name, as most servers that are not AWS need. */
  readonly forcePathStyle?: boolean;
  /** Without them the SDK looks where AWS's own tools look: environment, files, the machine's role. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly storageClass?: string;
  readonly encryption?: { readonly algorithm: "AES256" | "aws:kms"; readonly keyId?: string };
  /** How often a request is tried in all; 5 unless told. Waits grow and vary at random in between. */
  readonly maxAttempts?: number;
}

/** AWS's SDK, loaded. */
export type S3Sdk = typeof import("@aws-sdk/client-s3");

/** Milliseconds for a request to be answered; a part's bytes are sent within it. */
const REQUEST_TIMEOUT_MS = 60_000;

/** A bucket's name, keys and options in the SDK's words, and the SDK's failures in ours. */
export class S3Connection {
  readonly sdk: S3Sdk;
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  /** What every request says that creates an object. */
  readonly written: Readonly<Record<string, string>>;

  private constructor(sdk: S3Sdk, client: S3Client, options: S3BucketOptions) {
    this.sdk = sdk;
    this.client = client;
    this.bucket = options.bucket;
    this.prefix = options.prefix ?? "";
    this.written = {
      ...(options.storageClass && { StorageClass: options.storageClass }),
      ...(options.encryption && { ServerSideEncryption: options.encryption.algorithm }),
      ...(options.encryption?.keyId && { SSEKMSKeyId: options.encryption.keyId }),
    };
  }

  /** A connection; asks the server nothing yet. Loads the SDK, which only those pay for who use it. */
  static async open(options: S3BucketOptions): Promise<S3Connection> {
    const [sdk, { FetchHttpHandler }] = await Promise.all([
      import("@aws-sdk/client-s3"),
      import("@smithy/fetch-http-handler"),
    ]);
    const config: S3ClientConfig = {
      region: options.region,
      maxAttempts: options.maxAttempts ?? 5,
      requestHandler: new FetchHttpHandler({ requestTimeout: REQUEST_TIMEOUT_MS }),
      // The payload's SHA-256 is signed already; other servers stumble over the further checksums.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      ...(options.endpoint && { endpoint: options.endpoint }),
      ...(options.forcePathStyle !== undefined && { forcePathStyle: options.forcePathStyle }),
      ...(options.credentials && { credentials: options.credentials }),
    };
    return new S3Connection(sdk, new sdk.S3Client(config), options);
  }

  /** An object by its key below the prefix. */
  named(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key };
  }

  /** The object as the source of a copy, provided that its tag is `etag`. */
  source(key: string, etag: string): { readonly CopySource: string; readonly CopySourceIfMatch: string } {
    const path = (this.prefix + key).split("/").map(encodeURIComponent).join("/");
    return { CopySource: `${this.bucket}/${path}`, CopySourceIfMatch: `"${etag}"` };
  }

  /**
   * What `work` resolves to.
   *
   * @throws {StorageError} for whatever it throws, after the SDK's own retries; `work` may be called several times
   */
  run<Result>(operation: string, key: string, work: () => Promise<Result>): Promise<Result> {
    return reportingFailure(S3_DRIVER, operation, key, () => besideFolderRemoval(work));
  }

  /** As {@link run}; `undefined` when the server says that what was asked for is not there. */
  optional<Result>(operation: string, key: string, work: () => Promise<Result>): Promise<Result | undefined> {
    return this.run(operation, key, () =>
      work().catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    );
  }
}

/** Milliseconds to wait before each further try of what met a folder that was being removed. */
const FOLDER_RETRY_DELAYS_MS = [5, 20, 80];

/**
 * What `work` resolves to. Servers that keep objects as files remove a folder with its last object, and refuse with 409
 * what another request puts there in that moment (versitygw 1.8): that is tried again, which the SDK does not do.
 */
export async function besideFolderRemoval<Result>(work: () => Promise<Result>): Promise<Result> {
  for (const delayMs of FOLDER_RETRY_DELAYS_MS) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "ExistingObjectIsDirectory") throw error;
      await Bun.sleep(delayMs);
    }
  }
  return await work();
}

/** A tag without quotes: they come and go with server and operation. */
export function bareTag(etag: string | undefined): string {
  return etag?.replaceAll('"', "") ?? "";
}

function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error) || !("$metadata" in error) || error.name === "NoSuchBucket") return false;
  return (error.$metadata as { readonly httpStatusCode?: number }).httpStatusCode === 404;
}
