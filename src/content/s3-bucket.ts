import { bareTag, type S3BucketOptions, S3Connection } from "./s3-connection.ts";
import { S3Multiparts } from "./s3-multiparts.ts";

/** An entry in a listing of objects. */
export interface S3Object {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: Date;
}

/**
 * The operations on a bucket that the driver uses. Each is one request through AWS's SDK.
 *
 * Absence is `undefined`; every other failure is a {@link StorageError}, after the SDK's own retries.
 */
export class S3Bucket {
  readonly #connection: S3Connection;
  readonly multiparts: S3Multiparts;

  private constructor(connection: S3Connection) {
    this.#connection = connection;
    this.multiparts = new S3Multiparts(connection);
  }

  /** Creates the client; sends no request yet. */
  static async connect(options: S3BucketOptions): Promise<S3Bucket> {
    return new S3Bucket(await S3Connection.open(options));
  }

  /** Resolves if the bucket exists and can be used. */
  async check(): Promise<void> {
    const { bucket, client, sdk } = this.#connection;
    await this.#connection.run("check bucket", bucket, () =>
      client.send(new sdk.HeadBucketCommand({ Bucket: bucket })),
    );
  }

  /** Size, tag and time of an object. */
  async head(key: string): Promise<S3Object | undefined> {
    return this.#connection.optional("head", key, async () => {
      const found = await this.#connection.client.send(
        new this.#connection.sdk.HeadObjectCommand(this.#connection.named(key)),
      );
      return {
        key,
        size: found.ContentLength ?? 0,
        etag: bareTag(found.ETag),
        modifiedAt: found.LastModified ?? new Date(0),
      };
    });
  }

  /**
   * Opens an object from `start` up to but not including `end`; `undefined` if there is none or it ends before
   * `start`. Fails if its tag is no longer `etag`.
   */
  async get(
    key: string,
    range?: { readonly start: number; readonly end: number },
    etag?: string,
  ): Promise<{ readonly object: S3Object; readonly body: ReadableStream<Uint8Array> } | undefined> {
    return this.#connection.optional("get", key, async () => {
      const found = await this.#connection.client.send(
        new this.#connection.sdk.GetObjectCommand({
          ...this.#connection.named(key),
          ...(range && { Range: `bytes=${range.start}-${range.end - 1}` }),
          ...(etag && { IfMatch: `"${etag}"` }),
        }),
      );
      const total = found.ContentRange?.split("/").at(-1);
      const object = {
        key,
        size: total === undefined ? (found.ContentLength ?? 0) : Number(total),
        etag: bareTag(found.ETag),
        modifiedAt: found.LastModified ?? new Date(0),
      };
      const body = found.Body?.transformToWebStream() ?? new Blob([]).stream();
      return { object, body: body as ReadableStream<Uint8Array> };
    });
  }

  /** Stores a complete object; resolves to its tag. With `onlyIfAbsent`, fails if there is one already. */
  async put(key: string, body: Uint8Array, onlyIfAbsent = false): Promise<string> {
    return this.#connection.run("put", key, async () => {
      const stored = await this.#connection.client.send(
        new this.#connection.sdk.PutObjectCommand({
          ...this.#connection.named(key),
          ...this.#connection.writeOptions,
          Body: body,
          ContentLength: body.byteLength,
          ...(onlyIfAbsent && { IfNoneMatch: "*" }),
        }),
      );
      return bareTag(stored.ETag);
    });
  }

  /** Copies an object of at most 5 GiB inside the bucket; fails if its tag is not `etag`. */
  async copy(from: string, etag: string, to: string): Promise<void> {
    await this.#connection.run("copy", to, () =>
      this.#connection.client.send(
        new this.#connection.sdk.CopyObjectCommand({
          ...this.#connection.named(to),
          ...this.#connection.writeOptions,
          ...this.#connection.source(from, etag),
          // Required if source and target are the same object: the copy then renews its time.
          MetadataDirective: "REPLACE",
        }),
      ),
    );
  }

  /** Removes an object, if it is there. */
  async delete(key: string): Promise<void> {
    await this.#connection.run("delete", key, () =>
      this.#connection.client.send(new this.#connection.sdk.DeleteObjectCommand(this.#connection.named(key))),
    );
  }

  /**
   * The objects whose keys begin with `prefix` and come after `after`, in ascending order of key. Reads a page at a
   * time.
   */
  async *list(prefix: string, after?: string): AsyncGenerator<S3Object> {
    for (let token: string | undefined, hasMore = true; hasMore; ) {
      const page = await this.#connection.run("list", prefix, () =>
        this.#connection.client.send(
          new this.#connection.sdk.ListObjectsV2Command({
            Bucket: this.#connection.bucket,
            Prefix: this.#connection.prefix + prefix,
            ...(token
              ? { ContinuationToken: token }
              : after && { StartAfter: this.#connection.prefix + after }),
          }),
        ),
      );
      for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
        yield {
          key: Key?.slice(this.#connection.prefix.length) ?? "",
          size: Size ?? 0,
          etag: bareTag(ETag),
          modifiedAt: LastModified ?? new Date(0),
        };
      }
      token = page.NextContinuationToken;
      hasMore = page.IsTruncated === true && token !== undefined;
    }
  }

  /** A URL from which anyone can GET the object until it expires. */
  async presign(key: string, expiresInSeconds: number): Promise<string> {
    const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
    return this.#connection.run("presign", key, () =>
      getSignedUrl(
        this.#connection.client,
        new this.#connection.sdk.GetObjectCommand(this.#connection.named(key)),
        {
          expiresIn: expiresInSeconds,
        },
      ),
    );
  }

  /** Closes the client's connections. */
  close(): void {
    this.#connection.client.destroy();
  }
}
