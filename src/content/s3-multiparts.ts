import { bareTag, type S3Connection } from "./s3-connection.ts";

/** One part of a multipart upload. */
export interface S3Part {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: Date;
}

/** The object to copy a part from; the copy fails if it has another tag. */
export interface S3CopySource {
  readonly key: string;
  readonly etag: string;
}

/** The operations on multipart uploads, each one request. */
export class S3Multiparts {
  readonly #connection: S3Connection;

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  /** Starts a multipart upload to `key`; resolves to its id. */
  async create(key: string): Promise<string> {
    return this.#connection.run("create multipart upload", key, async () => {
      const created = await this.#connection.client.send(
        new this.#connection.sdk.CreateMultipartUploadCommand({
          ...this.#connection.named(key),
          ...this.#connection.writeOptions,
        }),
      );
      if (created.UploadId === undefined) throw new Error("the server returned no upload id");
      return created.UploadId;
    });
  }

  /** Uploads one part, and replaces one with the same number; resolves to its tag. */
  async uploadPart(key: string, uploadId: string, number: number, body: Uint8Array): Promise<string> {
    return this.#connection.run("upload part", key, async () => {
      const stored = await this.#connection.client.send(
        new this.#connection.sdk.UploadPartCommand({
          ...this.#connection.named(key),
          UploadId: uploadId,
          PartNumber: number,
          Body: body,
          ContentLength: body.byteLength,
        }),
      );
      return bareTag(stored.ETag);
    });
  }

  /** Copies bytes of an object into a part, inside the bucket; resolves to the part's tag. */
  async copyPart(
    key: string,
    uploadId: string,
    number: number,
    from: S3CopySource,
    range?: { readonly start: number; readonly end: number },
  ): Promise<string> {
    return this.#connection.run("copy part", key, async () => {
      const copied = await this.#connection.client.send(
        new this.#connection.sdk.UploadPartCopyCommand({
          ...this.#connection.named(key),
          UploadId: uploadId,
          PartNumber: number,
          ...this.#connection.source(from.key, from.etag),
          ...(range && { CopySourceRange: `bytes=${range.start}-${range.end - 1}` }),
        }),
      );
      return bareTag(copied.CopyPartResult?.ETag);
    });
  }

  /** The parts of a multipart upload in ascending order of number; `undefined` if there is no such upload. */
  async listParts(key: string, uploadId: string): Promise<readonly S3Part[] | undefined> {
    return this.#connection.optional("list parts", key, async () => {
      const parts: S3Part[] = [];
      for (let marker: string | undefined, hasMore = true; hasMore; ) {
        const page = await this.#connection.client.send(
          new this.#connection.sdk.ListPartsCommand({
            ...this.#connection.named(key),
            UploadId: uploadId,
            ...(marker !== undefined && { PartNumberMarker: marker }),
          }),
        );
        for (const { PartNumber, Size, ETag, LastModified } of page.Parts ?? []) {
          const modifiedAt = LastModified ?? new Date(0);
          parts.push({ number: PartNumber ?? 0, size: Size ?? 0, etag: bareTag(ETag), modifiedAt });
        }
        marker = page.NextPartNumberMarker;
        hasMore = page.IsTruncated === true && marker !== undefined;
      }
      return parts.sort((one, other) => one.number - other.number);
    });
  }

  /**
   * Completes the upload: makes an object of exactly these parts, atomically. Fails if one of them has another tag.
   */
  async complete(
    key: string,
    uploadId: string,
    parts: readonly Pick<S3Part, "number" | "etag">[],
  ): Promise<void> {
    await this.#connection.run("complete multipart upload", key, () =>
      this.#connection.client.send(
        new this.#connection.sdk.CompleteMultipartUploadCommand({
          ...this.#connection.named(key),
          UploadId: uploadId,
          MultipartUpload: {
            Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: `"${etag}"` })),
          },
        }),
      ),
    );
  }

  /** Drops a multipart upload and its parts, if it exists. */
  async abort(key: string, uploadId: string): Promise<void> {
    await this.#connection.optional("abort multipart upload", key, () =>
      this.#connection.client.send(
        new this.#connection.sdk.AbortMultipartUploadCommand({
          ...this.#connection.named(key),
          UploadId: uploadId,
        }),
      ),
    );
  }
}
