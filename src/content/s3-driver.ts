import { LRUCache } from "lru-cache";
import type { Awaitable } from "../oci/awaitable.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import type { ByteBody, ByteSource } from "../oci/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import { BLOBS_PREFIX, blobKey, digestOfBlobKey, UPLOADS_PREFIX, uploadFolder } from "./blob-paths.ts";
import {
  type ContentDriver,
  StorageError,
  type StoredBlob,
  type UploadId,
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
import { reportingFailure } from "./storage-failure.ts";

/** The bucket, and how much memory uploads to it may take. */
export interface S3DriverOptions extends S3BucketOptions {
  /** Bytes of one part, 8 MiB unless told, 5 MiB at least; times 10,000 it is the largest blob. */
  readonly partSizeBytes?: number;
  /** Bytes that all uploads hold at once, 32 MiB unless told; more uploads than that allows take turns. */
  readonly bufferBytes?: number;
  /** Lets clients fetch blobs from the bucket themselves. */
  readonly redirect?: {
    /** How long a URL is good for; 20 minutes unless told. */
    readonly expiresInSeconds?: number;
    /** The address under which clients reach the server, when it is another one than ours. */
    readonly endpoint?: string;
  };
}

interface RedirectTarget {
  readonly bucket: S3Bucket;
  readonly expiresInSeconds: number;
}

const DEFAULT_PART_SIZE = 8 << 20;
const SMALLEST_PART_SIZE = 5 << 20;
const DEFAULT_BUFFERS = 32 << 20;
const DEFAULT_EXPIRY_SECONDS = 20 * 60;
/** States of uploads that an append may go on from without asking the server once more. */
const MOST_KNOWN_STATES = 4096;
/** Largest object that S3 copies in one request. */
const LARGEST_COPY = 5 * 2 ** 30;
/** Age at which a blob that is pushed again gets a new time; younger ones are young enough. */
const RENEWAL_AGE_MS = 10 * 60_000;

/**
 * Blobs as objects, under Distribution's layout, in a bucket that several instances share.
 *
 * Nothing is kept on this machine: an upload begun on one instance goes on at another, however the first one ended.
 */
export class S3Driver implements ContentDriver {
  readonly name = S3_DRIVER;
  readonly #bucket: S3Bucket;
  readonly #redirect: RedirectTarget | undefined;
  readonly #buffers: PartBuffers;
  readonly #states = new LRUCache<UploadId, S3UploadState>({ max: MOST_KNOWN_STATES });

  private constructor(bucket: S3Bucket, redirect: RedirectTarget | undefined, options: S3DriverOptions) {
    this.#bucket = bucket;
    this.#redirect = redirect;
    const partSize = Math.max(SMALLEST_PART_SIZE, options.partSizeBytes ?? DEFAULT_PART_SIZE);
    this.#buffers = new PartBuffers(partSize, options.bufferBytes ?? DEFAULT_BUFFERS);
  }

  /**
   * The driver over a bucket that exists.
   *
   * @throws {StorageError} when it does not, or may not be used
   */
  static async open(options: S3DriverOptions): Promise<S3Driver> {
    const bucket = await S3Bucket.connect(options);
    await bucket.check();
    const redirect = options.redirect && {
      bucket: await S3Bucket.connect({
        ...options,
        ...(options.redirect.endpoint && { endpoint: options.redirect.endpoint }),
      }),
      expiresInSeconds: options.redirect.expiresInSeconds ?? DEFAULT_EXPIRY_SECONDS,
    };
    return new S3Driver(bucket, redirect, options);
  }

  async stat(digest: Digest): Promise<{ readonly size: number } | undefined> {
    const found = await this.#bucket.head(blobKey(digest));
    return found && { size: found.size };
  }

  async open(digest: Digest, size: number, range?: ByteRange): Promise<ByteBody | undefined> {
    const key = blobKey(digest);
    const found = await this.#bucket.get(key, range);
    if (found === undefined) return undefined;
    const { object, body } = found;
    if (object.size !== size) {
      await body.cancel();
      throw new StorageError(S3_DRIVER, "open", digest, `holds ${object.size} bytes, expected ${size}`);
    }
    if (size === 0) return body;
    return objectStream(
      this.#bucket,
      { key, etag: object.etag, range: range ?? { start: 0, end: size } },
      body,
    );
  }

  async locate(digest: Digest): Promise<string | undefined> {
    return this.#redirect?.bucket.presign(blobKey(digest), this.#redirect.expiresInSeconds);
  }

  delete(digest: Digest): Promise<void> {
    return this.#bucket.delete(blobKey(digest));
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
    return state && this.#known(state);
  }

  async appendUpload(
    id: UploadId,
    offset: number,
    source: ByteSource,
    tap: (piece: Uint8Array) => Awaitable<void>,
  ): Promise<UploadState> {
    const state = this.#states.get(id) ?? (await this.#existing(id, "append to upload"));
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
      // When this fails as well, it is what the caller hears of: the source's bytes were not kept.
      appended = await report(() => writer.finish());
    }
    return this.#known(appended);
  }

  async *readUpload(id: UploadId): AsyncGenerator<Uint8Array> {
    const state = await this.#existing(id, "read upload");
    this.#states.delete(id);
    yield* readUploadBytes(this.#bucket, state);
  }

  async publishUpload(id: UploadId, digest: Digest, revision: string): Promise<void> {
    const state = await this.#existing(id, "publish");
    if (revisionOf(state) !== revision) {
      throw new StorageError(S3_DRIVER, "publish", digest, "another process wrote to the upload");
    }
    const sealed = await reportingFailure(S3_DRIVER, "publish", digest, () =>
      sealUpload(this.#bucket, state),
    );
    if (sealed === undefined) await this.#bucket.put(blobKey(digest), new Uint8Array(0));
    else await copyObject(this.#bucket, sealed, blobKey(digest));
    await this.discardUpload(id);
  }

  /** Renews the time of an old object by copying it onto itself; a server may leave it as it was. */
  async renewBlob(digest: Digest, size: number): Promise<boolean> {
    const key = blobKey(digest);
    const found = await this.#bucket.head(key);
    if (found?.size !== size) return false;
    const isOld = Date.now() - found.modifiedAt.getTime() > RENEWAL_AGE_MS;
    if (isOld && size <= LARGEST_COPY) await this.#bucket.copy(key, found.etag, key);
    return true;
  }

  async discardUpload(id: UploadId): Promise<void> {
    this.#states.delete(id);
    const session = (await readUploadState(this.#bucket, id))?.session;
    if (session !== undefined) {
      await this.#bucket.multiparts.abort(wholeKey(id, session.generation), session.multipartId);
    }
    const keys = await Array.fromAsync(this.#bucket.list(`${uploadFolder(id)}/`), ({ key }) => key);
    // What makes the upload known goes last, so that a discard that is cut short can be repeated.
    await Promise.all(keys.filter((key) => key !== sessionKey(id)).map((key) => this.#bucket.delete(key)));
    await this.#bucket.delete(sessionKey(id));
  }

  async *listUploads(): AsyncGenerator<{ readonly id: UploadId; readonly modifiedAt: Date }> {
    let previous: UploadId | undefined;
    for await (const { key } of this.#bucket.list(`${UPLOADS_PREFIX}/`)) {
      const id = uploadIdOfKey(key);
      if (id === undefined || id === previous) continue;
      previous = id;
      const state = await readUploadState(this.#bucket, id);
      if (state !== undefined) yield { id, modifiedAt: state.modifiedAt };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redirect?.bucket.close();
    this.#bucket.close();
  }

  #known(state: S3UploadState): UploadState {
    this.#states.set(state.id, state);
    return { size: uploadedSize(state), revision: revisionOf(state) };
  }

  async #existing(id: UploadId, operation: string): Promise<S3UploadState> {
    const state = await readUploadState(this.#bucket, id);
    if (state === undefined) throw new StorageError(S3_DRIVER, operation, id, "no such upload");
    return state;
  }
}
