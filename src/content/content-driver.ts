import type { ByteRange } from "../bytes/byte-range.ts";
import type { ByteBody, ByteSource } from "../bytes/byte-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { Digest } from "../oci/digest.ts";

export { StorageError } from "../oci/storage-error.ts";

/** The id of an upload inside a driver: at most 64 letters, digits and `-`. */
export type UploadId = string & { readonly brand: "UploadId" };

const UPLOAD_ID = /^[A-Za-z0-9-]{1,64}$/;

/** Whether `text` is a valid upload id. Does not check whether there is such an upload. */
export function isUploadId(text: string): text is UploadId {
  return UPLOAD_ID.test(text);
}

/** A new id that nobody can guess (128 random bits). */
export function createUploadId(): UploadId {
  return crypto.getRandomValues(new Uint8Array(16)).toHex() as UploadId;
}

/**
 * The right to change one upload, which one holder has at a time. Dispose of it to let others have it; if the process dies,
 * they can have it too.
 */
export class UploadLock implements Disposable {
  readonly id: UploadId;
  readonly #release: () => void;

  /** For drivers: `release` is called when the holder is done. */
  constructor(id: UploadId, release: () => void) {
    this.id = id;
    this.#release = release;
  }

  [Symbol.dispose](): void {
    this.#release();
  }
}

/** An entry in a listing of blobs. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
  /** When the bytes were last published under this digest. */
  readonly modifiedAt: Date;
}

/** An entry in a listing of uploads. */
export interface ListedUpload {
  readonly id: UploadId;
  readonly size: number;
  /** When its bytes last changed. */
  readonly modifiedAt: Date;
}

/** The state of an upload. */
export interface UploadState {
  /** Bytes that would survive a restart of this process. */
  readonly size: number;
  /** Opaque text that changes whenever the upload's bytes may have changed, whichever process wrote them. */
  readonly revision: string;
}

/**
 * Bytes by canonical digest, and the uploads that become them.
 *
 * Knows nothing of repositories, manifests or HTTP, and verifies no digests: `content/blob-store.ts` does that for
 * all drivers. Absence is `undefined`; a failing backend throws StorageError.
 */
export interface ContentDriver extends AsyncDisposable {
  /** Short name for logs and errors, such as `filesystem`. */
  readonly name: string;

  /**
   * Size of the blob in bytes; `undefined` if it is not stored or cannot be opened. A remote backend may answer with
   * what it knew a few seconds ago.
   */
  stat(digest: Digest): Awaitable<{ readonly size: number } | undefined>;

  /**
   * Opens a blob of exactly `size` bytes, or a part of it; `undefined` if none of that size is stored.
   *
   * Resolves once the backend accepted the read, so most failures come before the response headers. After a later
   * failure the stream fails; it never ends early. The caller drains or cancels it.
   */
  open(digest: Digest, size: number, range?: ByteRange): Awaitable<ByteBody | undefined>;

  /**
   * The bytes of a range of a blob of exactly `size` bytes, in small pieces, which are read on demand.
   *
   * This is for many slow clients, because it needs the memory of only one piece.
   *
   * @throws {StorageError} if the blob is not stored with that size, or ends while it is read
   */
  read(digest: Digest, size: number, range: ByteRange): ByteSource;

  /**
   * A URL from which anyone can GET the blob or ranges of it for a while; `undefined` if clients have to read through
   * the registry. Drivers without such URLs do not have this method.
   */
  locate?(digest: Digest): Promise<string | undefined>;

  /** Removes a blob, if there is one. */
  delete(digest: Digest): Promise<void>;

  /** Every blob, or every one after `after`, in ascending order of digest. */
  list(after?: Digest): AsyncIterable<StoredBlob>;

  /** Starts an empty upload. Ids are never used twice. */
  createUpload(id: UploadId): Promise<void>;

  /** The state of an upload; `undefined` if there is none. */
  statUpload(id: UploadId): Promise<UploadState | undefined>;

  /** When the upload's bytes last changed; `undefined` if there is no such upload. */
  uploadChangedAt(id: UploadId): Promise<Date | undefined>;

  /**
   * Takes the upload's lock: `busy` if another holder has it, `undefined` if there is no such upload. A driver that cannot
   * tell gives a lock in both cases; then whoever uses it keeps requests apart.
   */
  lockUpload(id: UploadId): Awaitable<UploadLock | "busy" | undefined>;

  /**
   * Appends all of `source` at `offset`, which is the upload's size. Resolves to the new state.
   *
   * `tap` gets each byte once, in order and in pieces of any size. A piece does not change until the promise from `tap`
   * resolves. The driver holds a limited number of bytes, no matter how fast the source, the store and `tap` are. It
   * keeps no buffer of the source. If the source throws, the bytes before that are kept and the same error is rethrown.
   */
  appendUpload(
    lock: UploadLock,
    offset: number,
    source: ByteSource,
    tap: (piece: Uint8Array) => Awaitable<void>,
  ): Promise<UploadState>;

  /**
   * Cuts the upload to `size` bytes. Resolves to the new state.
   *
   * @throws {StorageError} if there is no such upload, or it has fewer bytes
   */
  truncateUpload(lock: UploadLock, size: number): Promise<UploadState>;

  /** All bytes of the upload so far. */
  readUpload(id: UploadId): ByteSource;

  /**
   * Publishes an upload under `digest`, and replaces an existing blob. The upload no longer exists afterwards.
   *
   * Atomic and durable: no reader ever sees a part of the blob, and once this resolves, the blob survives a power
   * cut.
   *
   * @throws {StorageError} if the upload is no longer at `revision`, because another process wrote to it
   */
  publishUpload(lock: UploadLock, digest: Digest, revision: string): Promise<void>;

  /** Drops an upload and its bytes, if it exists. */
  discardUpload(lock: UploadLock): Promise<void>;

  /** Every upload in progress, in no particular order. */
  listUploads(): AsyncIterable<ListedUpload>;

  /**
   * Checks that the store is still the one that was opened. Drivers whose store cannot disappear unnoticed do not have
   * this method.
   *
   * @throws {StorageError} condition `gone`
   */
  checkPresence?(): void;
}
