import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { s3Condition } from "./s3-condition.ts";
import { reportingFailure } from "./storage-failure.ts";

/** Name of the S3 driver in errors, logs and configuration. */
export const S3_DRIVER = "s3";

/** How to reach a bucket, and how to store objects in it. */
export interface S3BucketOptions {
  readonly bucket: string;
  /** Prefix of every key, such as `registry/`; default none. */
  readonly prefix?: string;
  /** AWS's name of the region; any text for servers without regions. */
  readonly region: string;
  /** Address of a server that is not AWS, such as `http://127.0.0.1:9000`. */
  readonly endpoint?: string | undefined;
  /** Puts the bucket into the path instead of the host name. Most servers other than AWS need this. */
  readonly forcePathStyle?: boolean;
  /** Without keys, the SDK looks where AWS's own tools look: environment, files, the machine's role. */
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    | undefined;
  readonly storageClass?: string | undefined;
  readonly encryption?:
    | { readonly algorithm: "AES256" | "aws:kms"; readonly keyId?: string | undefined }
    | undefined;
  /** Maximum attempts of a request; default 5. The pauses between them grow and vary at random. */
  readonly maxAttempts?: number;
}

/** The loaded SDK. */
export type S3Sdk = typeof import("@aws-sdk/client-s3");

/** How long a request may take, in milliseconds, including the time to send a part's bytes. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Translates a bucket's name, keys and options for the SDK, and the SDK's errors to ours. */
export class S3Connection {
  readonly sdk: S3Sdk;
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  /** The options of every request that creates an object. */
  readonly writeOptions: Readonly<Record<string, string>>;

  private constructor(sdk: S3Sdk, client: S3Client, options: S3BucketOptions) {
    this.sdk = sdk;
    this.client = client;
    this.bucket = options.bucket;
    this.prefix = options.prefix ?? "";
    this.writeOptions = {
      ...(options.storageClass && { StorageClass: options.storageClass }),
      ...(options.encryption && { ServerSideEncryption: options.encryption.algorithm }),
      ...(options.encryption?.keyId && { SSEKMSKeyId: options.encryption.keyId }),
    };
  }

  /** Creates a connection; sends no request yet. Loads the SDK, so only users of S3 pay for that. */
  static async open(options: S3BucketOptions): Promise<S3Connection> {
    const [sdk, { FetchHttpHandler }] = await Promise.all([
      import("@aws-sdk/client-s3"),
      import("@smithy/fetch-http-handler"),
    ]);
    const config: S3ClientConfig = {
      region: options.region,
      maxAttempts: options.maxAttempts ?? 5,
      requestHandler: new FetchHttpHandler({ requestTimeout: REQUEST_TIMEOUT_MS }),
      // The payload's SHA-256 is signed already, and other servers fail on further checksums.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      ...(options.endpoint && { endpoint: options.endpoint }),
      ...(options.forcePathStyle !== undefined && { forcePathStyle: options.forcePathStyle }),
      ...(options.credentials && { credentials: options.credentials }),
    };
    return new S3Connection(sdk, new sdk.S3Client(config), options);
  }

  /** Names an object by its key below the prefix. */
  named(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key };
  }

  /** Names the source of a copy; the copy fails if its tag is not `etag`. */
  source(key: string, etag: string): { readonly CopySource: string; readonly CopySourceIfMatch: string } {
    const path = (this.prefix + key).split("/").map(encodeURIComponent).join("/");
    return { CopySource: `${this.bucket}/${path}`, CopySourceIfMatch: `"${etag}"` };
  }

  /**
   * Runs `work` and resolves to its result.
   *
   * @throws {StorageError} for anything it throws, after the SDK's own retries; `work` can be called several times
   */
  run<Result>(operation: string, key: string, work: () => Promise<Result>): Promise<Result> {
    return reportingFailure(S3_DRIVER, operation, key, () => retryingFolderRemoval(work), s3Condition);
  }

  /** Like {@link run}; `undefined` if the server answers that the object does not exist. */
  optional<Result>(operation: string, key: string, work: () => Promise<Result>): Promise<Result | undefined> {
    return this.run(operation, key, () =>
      work().catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    );
  }
}

/** Pauses before the retries of a request whose folder was being removed, in milliseconds. */
const FOLDER_RETRY_DELAYS_MS = [5, 20, 80];

/**
 * Runs `work`, and retries it after a 409, which the SDK does not do. Servers that store objects as files remove a
 * folder with its last object. If another request stores an object there at that moment, they answer 409 (versitygw
 * 1.8).
 */
export async function retryingFolderRemoval<Result>(work: () => Promise<Result>): Promise<Result> {
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

/** Removes the quotes from a tag; whether it has any depends on server and operation. */
export function bareTag(etag: string | undefined): string {
  return etag?.replaceAll('"', "") ?? "";
}

/** Whether an answer says that the object, or the range of it, does not exist. */
function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error) || !("$metadata" in error) || error.name === "NoSuchBucket") return false;
  const { httpStatusCode } = error.$metadata as { readonly httpStatusCode?: number };
  return httpStatusCode === 404 || httpStatusCode === 416;
}
