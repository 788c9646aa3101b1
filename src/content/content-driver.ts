import type { Awaitable } from "../oci/awaitable.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import type { ByteBody, ByteSource } from "../oci/byte-source.ts";
import type { Digest } from "../oci/digest.ts";

/** Text that names one upload inside a driver: letters, digits and `-`, at most 64 of them. */
export type UploadId = string & { readonly brand: "UploadId" };

/** One stored blob, as a listing tells it. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
  /** When the bytes were last published under this digest. */
  readonly modifiedAt: Date;
}

/** Where an upload stands. */
export interface UploadState {
  /** Bytes so far that would survive a restart of this process. */
  readonly size: number;
  /** Opaque; another text whenever the upload's bytes may be others, whichever process wrote them. */
  readonly revision: string;
}

/**
 * Bytes by canonical digest, and the uploads that become them.
 *
 * Knows nothing of repositories, manifests or HTTP, and verifies no digest: `content/blob-store.ts` does, once for
 * every driver. Absence is `undefined`; a backend that fails throws {@link StorageError}.
 */
export interface ContentDriver extends AsyncDisposable {
  /** Short name for logs and errors, such as `filesystem`. */
  readonly name: string;

  /** Size in bytes of the blob, or `undefined` when it is not stored. */
  stat(digest: Digest): Promise<{ readonly size: number } | undefined>;

  /**
   * Opens a blob of exactly `size` bytes, whole or in part; `undefined` when it is not stored.
   *
   * Resolves once the backend accepted the read, so failures precede response headers; a later failure errors the
   * stream, which never ends short. The caller drains or cancels it.
   *
   * @throws {StorageError} when what is stored has another size
   */
  open(digest: Digest, size: number, range?: ByteRange): Promise<ByteBody | undefined>;

  /**
   * A URL from which anybody can GET the blob for a while, ranges included; `undefined` when clients are to read
   * through the registry. A driver without such URLs does not have this.
   */
  locate?(digest: Digest): Promise<string | undefined>;

  /** Removes a blob; removing what is absent succeeds. */
  delete(digest: Digest): Promise<void>;

  /** Every blob, in ascending order of digest, those after `after` when it is given. */
  list(after?: Digest): AsyncIterable<StoredBlob>;

  /** Begins an upload of no bytes. Ids are never used twice. */
  createUpload(id: UploadId): Promise<void>;

  /** Where an upload stands, or `undefined` for no such upload. */
  statUpload(id: UploadId): Promise<UploadState | undefined>;

  /**
   * Appends all of `source` at `offset`, which is the upload's size; resolves to where the upload then stands.
   *
   * `tap` sees each byte once, in order and in pieces of any size; a piece stays as it is until what `tap` gave
   * resolves. Holds a bounded number of bytes whatever the speed of the source, of the store and of `tap`, and none of
   * the source's own buffers. When the source throws, what it gave before stays and
   * its very error is rethrown. One append at a time: the caller holds the upload's lock.
   */
  appendUpload(
    id: UploadId,
    offset: number,
    source: ByteSource,
    tap: (piece: Uint8Array) => Awaitable<void>,
  ): Promise<UploadState>;

  /** The upload's bytes so far, from the first. */
  readUpload(id: UploadId): ByteSource;

  /**
   * Publishes a whole upload under `digest`, replacing what is there; the upload is gone afterwards.
   *
   * Atomic and durable: once resolved the blob survives a power cut, and no reader ever sees part of it.
   *
   * @throws {StorageError} when the upload is no longer at `revision`: another process wrote to it
   */
  publishUpload(id: UploadId, digest: Digest, revision: string): Promise<void>;

  /**
   * Whether a blob of exactly `size` bytes is stored; when so, it is as durable as if it were published now, and
   * its {@link StoredBlob.modifiedAt} is now where the backend can tell it so.
   */
  renewBlob(digest: Digest, size: number): Promise<boolean>;

  /** Drops an upload and its bytes; dropping what is absent succeeds. */
  discardUpload(id: UploadId): Promise<void>;

  /** Every upload in progress with the time of its last change, in no order. */
  listUploads(): AsyncIterable<{ readonly id: UploadId; readonly modifiedAt: Date }>;
}

/** A backend that did not do what it was asked: which one, doing what, on what. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly driver: string;
  readonly operation: string;
  readonly key: string;

  constructor(driver: string, operation: string, key: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${driver}: ${operation} ${key}: ${reason}`, { cause });
    this.driver = driver;
    this.operation = operation;
    this.key = key;
  }
}
