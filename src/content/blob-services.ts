import type { ByteRange } from "../bytes/byte-range.ts";
import type { ByteBody, ByteSource } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { Digest } from "../oci/digest.ts";
import type { ListedUpload, StoredBlob, UploadId } from "./content-driver.ts";

/** Identifies stored content: its canonical digest, and its size in bytes. */
export interface BlobDescriptor {
  readonly digest: Digest;
  readonly size: number;
}

/** Opens verified content. Check access before you call this. */
export interface BlobProvider {
  /** The blob's bytes, whole or in part; `undefined` when {@link holds} is false. */
  open(descriptor: BlobDescriptor, range?: ByteRange): Awaitable<ByteBody | undefined>;

  /**
   * The bytes of a range in small pieces, which are read on demand.
   *
   * @throws {StorageError} if the content is missing, or ends while it is read
   */
  read(descriptor: BlobDescriptor, range: ByteRange): ByteSource;

  /** Whether content of that size is stored under the digest and can be opened, as far as the store knows. */
  holds(descriptor: BlobDescriptor): Awaitable<boolean>;
}

/** Finds URLs from which clients can fetch content directly. */
export interface BlobLocator {
  /**
   * A URL from which anyone can GET the blob or ranges of it for a while; `undefined` if the registry has to send it.
   * Does not check whether the content exists.
   */
  locate(descriptor: BlobDescriptor): Promise<string | undefined>;
}

/** Receives content. Nothing is visible before it is committed. */
export interface BlobIngester {
  /** Starts an upload. With `algorithm`, its bytes are hashed with that algorithm too while they arrive. */
  create(algorithm?: DigestAlgorithm): Promise<BlobUpload>;
  /** Continues an upload, even after a restart; `undefined` if there is no upload with that id. */
  resume(id: UploadId): Promise<BlobUpload | undefined>;
  /** The upload with that id, without checking that it exists. If it does not, its methods throw `upload-unknown`. */
  uploadOf(id: UploadId): BlobUpload;
  /** Every upload in progress, in no particular order, including those without a session. */
  listUploads(): AsyncIterable<ListedUpload>;
}

/** Lists everything that is stored, whether or not the metadata knows it. */
export interface ContentListing {
  /** Every blob, in ascending order of digest. */
  listBlobs(): AsyncIterable<StoredBlob>;
  /** Every upload in progress, in no particular order. */
  listUploads(): AsyncIterable<ListedUpload>;
}

/** What a client claims about the bytes of an upload. */
export interface BlobClaim {
  /** In any registered algorithm. */
  readonly digest: Digest;
  readonly size?: number;
}

/** The last chunk of an upload. */
export interface LastChunk {
  readonly source: ByteSource;
  /** Its offset, if the client states one. */
  readonly offset?: number | undefined;
  /** The upload's size with the chunk. If the upload has it already, an earlier request has appended the chunk. */
  readonly endsAt?: number | undefined;
}

/** What is recorded on the way from an upload to a blob, while no other request works on the upload. */
export interface CommitRecord {
  /** Called once the bytes are verified. If it fails, nothing has changed. */
  seal?(blob: BlobDescriptor): Promise<void>;
  /** Called once the blob is durably stored, before the upload is dropped. If it fails, the commit fails. */
  link(blob: BlobDescriptor): Promise<void>;
}

/**
 * One upload in progress. Requests for the same id take turns, and wait for each other for at most a few seconds.
 *
 * A client that sends nothing for a few seconds loses its turn if another request waits.
 */
export interface BlobUpload {
  readonly id: UploadId;

  /**
   * Bytes stored so far. Does not wait for other requests. Bytes that {@link commitWith} appends count only after it
   * has succeeded.
   */
  size(): Promise<number>;

  /**
   * Appends `source`; resolves to the new size. `confirm` is called last, while no other request works on the upload.
   * If it fails, the append fails.
   *
   * @throws {RegistryError} `upload-out-of-order` if `offset` is given and is not the current size
   * @throws {RegistryError} `upload-unknown` if the upload ended before the call, `upload-cancelled` if it ended
   * during the call
   * @throws {RegistryError} `upload-busy` if another request works on it, or took it over
   */
  append(source: ByteSource, offset?: number, confirm?: () => Promise<void>): Promise<number>;

  /**
   * Verifies the content against the client's claim, and publishes it durably.
   *
   * The claimed digest can have any registered algorithm; the result has the canonical one. After a mismatch the upload
   * is unchanged, so the client can try again.
   *
   * @throws {RegistryError} `digest-mismatch`, `size-mismatch`, `upload-unknown`, `upload-cancelled`, `upload-busy`
   */
  commit(claimed: BlobClaim, record?: CommitRecord): Promise<BlobDescriptor>;

  /**
   * Appends the last chunk and commits. If either fails, the upload has the size it had before.
   *
   * @throws {RegistryError} what {@link append} and {@link commit} throw
   */
  commitWith(last: LastChunk, claimed: BlobClaim, record?: CommitRecord): Promise<BlobDescriptor>;

  /** Commits like {@link commit}, but without a claimed digest; for trusted sources. */
  commitUnclaimed(): Promise<BlobDescriptor>;

  /**
   * Ends the append that runs in this process, and drops the upload's bytes. If a request of another process keeps
   * working on the upload for a few seconds, the bytes stay, and this throws `upload-busy`.
   */
  cancel(): Promise<void>;

  /**
   * Drops the upload's bytes, then calls `endSession`, unless the bytes have changed since `unchangedSince` or a request is
   * working on the upload. Resolves to whether it did.
   */
  expire(unchangedSince: Date, endSession: () => Promise<unknown>): Promise<boolean>;
}
