import { LRUCache } from "lru-cache";
import type { ByteRange } from "../bytes/byte-range.ts";
import { type ByteBody, type ByteSource, bodyChunks } from "../bytes/byte-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { Digest } from "../oci/digest.ts";
import { BLOBS_PREFIX, blobKey, digestOfBlobKey, UPLOADS_PREFIX, uploadFolder } from "./blob-paths.ts";
import {
  type ContentDriver,
  type ListedUpload,
  StorageError,
  type StoredBlob,
  type UploadId,
  UploadLock,
  type UploadState,
} from "./content-driver.ts";
import { PartBuffers } from "./part-buffers.ts";
import { S3Bucket } from "./s3-bucket.ts";
import { S3_DRIVER, type S3BucketOptions } from "./s3-connection.ts";
import { copyObject } from "./s3-copy.ts";
import { sessionKey, uploadIdOfKey, wholeKey } from "./s3-keys.ts";
import { objectStream } from "./s3-object-stream.ts";
import { S3PartWriter } from "./s3-part-writer.ts";
import { readUploadBytes, sealUpload, unsealUpload } from "./s3-upload-sealing.ts";
import { readUploadState, revisionOf, type S3UploadState, uploadedSize } from "./s3-upload-state.ts";
import { truncateS3Upload } from "./s3-upload-truncation.ts";
import { reportingFailure } from "./storage-failure.ts";

/** The bucket, and limits for uploads. */
export interface S3DriverOptions extends S3BucketOptions {
  /** Bytes of one part; default 8 MiB, at least 5 MiB. A blob can have at most 10,000 parts. */
  readonly partSizeBytes?: number;
  /** Memory of all uploads together in bytes; default 32 MiB. If it is used up, uploads take turns. */
  readonly bufferBytes?: number;
  /** Lets clients fetch blobs directly from the bucket. */
  readonly redirect?: RedirectOptions | undefined;
}

/** How clients fetch blobs directly from the bucket. */
interface RedirectOptions {
  /** How long a URL is valid; default 20 minutes. */
  readonly expiresInSeconds?: number;
  /** The server's address for clients, if it differs from ours. */
  readonly endpoint?: string | undefined;
}

interface RedirectTarget {
  readonly bucket: S3Bucket;
  readonly expiresInSeconds: number;
}

const DEFAULT_PART_SIZE = 8 << 20;
const MIN_PART_SIZE = 5 << 20;
const DEFAULT_BUFFERS = 32 << 20;
const DEFAULT_EXPIRY_SECONDS = 20 * 60;
/** Maximum states of uploads to remember, so that an append does not have to ask the server. */
const MAX_KNOWN_STATES = 4096;
const MAX_KNOWN_BLOBS = 50_000;
/** How long a blob that was found is assumed to exist, in milliseconds. */
const PRESENCE_MS = 5_000;

/**
 * Blobs as objects, under Distribution's layout, in a bucket that several instances share.
 *
 * It stores nothing on this machine: another instance can continue an upload, however the first one ended.
 */
export class S3Driver implements ContentDriver {
  readonly name = S3_DRIVER;
  readonly #bucket: S3Bucket;
  readonly #redirect: RedirectTarget | undefined;
  readonly #buffers: PartBuffers;
  /** Blobs found recently. Only {@link stat} uses it, for each HEAD of a blob. */
  readonly #present = new LRUCache<Digest, { readonly size: number }>({
    max: MAX_KNOWN_BLOBS,
    ttl: PRESENCE_MS,
  });
  readonly #states = new LRUCache<UploadId, S3UploadState>({ max: MAX_KNOWN_STATES });

  private constructor(bucket: S3Bucket, redirect: RedirectTarget | undefined, options: S3DriverOptions) {
    this.#bucket = bucket;
    this.#redirect = redirect;
    const partSize = Math.max(MIN_PART_SIZE, options.partSizeBytes ?? DEFAULT_PART_SIZE);
    this.#buffers = new PartBuffers(partSize, options.bufferBytes ?? DEFAULT_BUFFERS);
  }

  /**
   * Opens the driver over an existing bucket.
   *
   * @throws {StorageError} if the bucket does not exist or cannot be used
   */
  static async open(options: S3DriverOptions): Promise<S3Driver> {
    const bucket = await S3Bucket.connect(options);
    await bucket.check();
    const redirect = options.redirect && {
      bucket: await S3Bucket.connect({
        ...options,
        endpoint: options.redirect.endpoint ?? options.endpoint,
      }),
      expiresInSeconds: options.redirect.expiresInSeconds ?? DEFAULT_EXPIRY_SECONDS,
    };
    return new S3Driver(bucket, redirect, options);
  }

  stat(digest: Digest): Awaitable<{ readonly size: number } | undefined> {
    return this.#present.get(digest) ?? this.#head(digest);
  }

  async open(digest: Digest, size: number, range?: ByteRange): Promise<ByteBody | undefined> {
    const key = blobKey(digest);
    const found = await this.#bucket.get(key, range);
    this.#remember(digest, found?.object);
    if (found === undefined) return undefined;
    const { object, body } = found;
    if (object.size !== size) {
      await body.cancel();
      return undefined;
    }
    if (size === 0) return body;
    return objectStream(
      this.#bucket,
      { key, etag: object.etag, range: range ?? { start: 0, end: size } },
      body,
    );
  }

  async *read(digest: Digest, size: number, range: ByteRange): AsyncGenerator<Uint8Array> {
    const body = await this.open(digest, size, range);
    if (body === undefined)
      throw new StorageError(S3_DRIVER, "read", digest, `not stored with ${size} bytes`);
    yield* bodyChunks(body);
  }

  async locate(digest: Digest): Promise<string | undefined> {
    return this.#redirect?.bucket.presign(blobKey(digest), this.#redirect.expiresInSeconds);
  }

  async delete(digest: Digest): Promise<void> {
    this.#present.delete(digest);
    await this.#bucket.delete(blobKey(digest));
    this.#present.delete(digest);
  }

  async *list(after?: Digest): AsyncGenerator<StoredBlob> {
    const objects = this.#bucket.list(`${BLOBS_PREFIX}/`, after && blobKey(after));
    for await (const { key, size, modifiedAt } of objects) {
      const digest = digestOfBlobKey(key);
      if (digest !== undefined) yield { digest, size, modifiedAt };
    }
  }

  async createUpload(id: UploadId): Promise<void> {
    await this.#bucket.put(sessionKey(id), new Uint8Array(0), true);
  }

  async statUpload(id: UploadId): Promise<UploadState | undefined> {
    const state = await readUploadState(this.#bucket, id);
    return state && this.#rememberState(state);
  }

  async uploadChangedAt(id: UploadId): Promise<Date | undefined> {
    return (await readUploadState(this.#bucket, id))?.modifiedAt;
  }

  /** A bucket has no locks: the locks of {@link BlobStoreOptions} keep requests apart. */
  lockUpload(id: UploadId): UploadLock {
    return new UploadLock(id, () => {});
  }

  async appendUpload(
    { id }: UploadLock,
    offset: number,
    source: ByteSource,
    tap: (piece: Uint8Array) => Awaitable<void>,
  ): Promise<UploadState> {
    // A status request in the meantime may have stored an older state.
    const known = this.#states.get(id);
    const isCurrent = known !== undefined && uploadedSize(known) === offset;
    const state = isCurrent ? known : await this.#existing(id, "append to upload");
    this.#states.delete(id);
    if (uploadedSize(state) !== offset) {
      const reason = `holds ${uploadedSize(state)} bytes, not ${offset}`;
      throw new StorageError(S3_DRIVER, "append to upload", id, reason);
    }
    const report = <Result>(work: () => Promise<Result>) =>
      reportingFailure(S3_DRIVER, "append to upload", id, work);
    const open = await report(() => unsealUpload(this.#bucket, state, this.#buffers.size));
    const writer = new S3PartWriter(this.#bucket, this.#buffers, open);
    let appended: S3UploadState | undefined;
    try {
      for await (const chunk of source) {
        await tap(chunk);
        await report(() => writer.write(chunk));
      }
    } finally {
      // If this fails too, the caller gets this error, because the source's bytes were not kept.
      appended = await report(() => writer.finish());
    }
    return this.#rememberState(appended);
  }

  async truncateUpload({ id }: UploadLock, size: number): Promise<UploadState> {
    const state = await this.#existing(id, "truncate upload");
    this.#states.delete(id);
    if (uploadedSize(state) < size) {
      const reason = `holds ${uploadedSize(state)} bytes, not ${size}`;
      throw new StorageError(S3_DRIVER, "truncate upload", id, reason);
    }
    const truncated = await reportingFailure(S3_DRIVER, "truncate upload", id, () =>
      truncateS3Upload(this.#bucket, state, size, this.#buffers.size),
    );
    return this.#rememberState(truncated);
  }

  async *readUpload(id: UploadId): AsyncGenerator<Uint8Array> {
    const state = await this.#existing(id, "read upload");
    this.#states.delete(id);
    yield* readUploadBytes(this.#bucket, state);
  }

  async publishUpload(lock: UploadLock, digest: Digest, revision: string): Promise<void> {
    const { id } = lock;
    const state = await this.#existing(id, "publish");
    if (revisionOf(state) !== revision) {
      throw new StorageError(S3_DRIVER, "publish", digest, "another process wrote to the upload", "busy");
    }
    const sealed = await reportingFailure(S3_DRIVER, "publish", digest, () =>
      sealUpload(this.#bucket, state),
    );
    if (sealed === undefined) await this.#bucket.put(blobKey(digest), new Uint8Array(0));
    else await copyObject(this.#bucket, sealed, blobKey(digest));
    this.#remember(digest, { size: uploadedSize(state) });
    await this.discardUpload(lock);
  }

  async discardUpload({ id }: UploadLock): Promise<void> {
    this.#states.delete(id);
    const session = (await readUploadState(this.#bucket, id))?.session;
    if (session !== undefined) {
      await this.#bucket.multiparts.abort(wholeKey(id, session.generation), session.multipartId);
    }
    const keys = await Array.fromAsync(this.#bucket.list(`${uploadFolder(id)}/`), ({ key }) => key);
    // Remove the session object last, so that an interrupted discard can be repeated.
    await Promise.all(keys.filter((key) => key !== sessionKey(id)).map((key) => this.#bucket.delete(key)));
    await this.#bucket.delete(sessionKey(id));
  }

  async *listUploads(): AsyncGenerator<ListedUpload> {
    let previous: UploadId | undefined;
    for await (const { key } of this.#bucket.list(`${UPLOADS_PREFIX}/`)) {
      const id = uploadIdOfKey(key);
      if (id === undefined || id === previous) continue;
      previous = id;
      const state = await readUploadState(this.#bucket, id);
      if (state !== undefined) yield { id, size: uploadedSize(state), modifiedAt: state.modifiedAt };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redirect?.bucket.close();
    this.#bucket.close();
  }

  async #head(digest: Digest): Promise<{ readonly size: number } | undefined> {
    const found = await this.#bucket.head(blobKey(digest));
    this.#remember(digest, found);
    return found && { size: found.size };
  }

  #remember(digest: Digest, found: { readonly size: number } | undefined): void {
    if (found === undefined) this.#present.delete(digest);
    else this.#present.set(digest, { size: found.size });
  }

  #rememberState(state: S3UploadState): UploadState {
    this.#states.set(state.id, state);
    return { size: uploadedSize(state), revision: revisionOf(state) };
  }

  async #existing(id: UploadId, operation: string): Promise<S3UploadState> {
    const state = await readUploadState(this.#bucket, id);
    if (state === undefined) throw new StorageError(S3_DRIVER, operation, id, "no such upload");
    return state;
  }
}
