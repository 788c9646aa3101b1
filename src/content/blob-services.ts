import type { Awaitable } from "../oci/awaitable.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import type { ByteBody, ByteSource } from "../oci/byte-source.ts";
import type { DigestAlgorithm } from "../oci/content-hash.ts";
import type { Digest } from "../oci/digest.ts";
import type { UploadId } from "./content-driver.ts";

/** What the store knows content by: its canonical digest, and its size in bytes. */
export interface BlobDescriptor {
  readonly digest: Digest;
  readonly size: number;
}

/** Opens verified content. Whoever calls has already decided that the caller may read it. */
export interface BlobProvider {
  /**
   * The blob's bytes, whole or in part.
   *
   * @throws {StorageError} when the content is not there or not of that size: a descriptor is a promise that it is
   */
  open(descriptor: BlobDescriptor, range?: ByteRange): Awaitable<ByteBody>;

  /** Whether content of that digest and size is stored, by the store's own word. */
  holds(descriptor: BlobDescriptor): Promise<boolean>;
}

/** Tells where content can be fetched without going through the registry. */
export interface BlobLocator {
  /**
   * A URL from which anybody can GET the blob, ranges included, for a while; `undefined` when it is to be opened and
   * sent. Says nothing of whether the content is there.
   */
  locate(descriptor: BlobDescriptor): Promise<string | undefined>;
}

/** Takes content in. What is not committed is never visible. */
export interface BlobIngester {
  /** Begins an upload; `algorithm` also hashes with another algorithm than the canonical one on the fly. */
  create(algorithm?: DigestAlgorithm): Promise<BlobUpload>;
  /** Takes up an upload where it stands, after a restart too; `undefined` when there is none of that id. */
  resume(id: UploadId): Promise<BlobUpload | undefined>;
  /** Every upload in progress with the time of its last change, in no order; those too that nobody remembers. */
  listUploads(): AsyncIterable<{ readonly id: UploadId; readonly modifiedAt: Date }>;
}

/** One upload in progress. Calls on one id from several requests run one after the other. */
export interface BlobUpload {
  readonly id: UploadId;
  /** Bytes taken so far. */
  size(): Promise<number>;

  /**
   * Appends `source`; resolves to the new size.
   *
   * @throws {RegistryError} `upload-out-of-order` when `offset` is given and is not the current size
   * @throws {RegistryError} `upload-unknown` when the upload ended meanwhile
   */
  append(source: ByteSource, offset?: number): Promise<number>;

  /**
   * Verifies the content against what the client claims it is, and publishes it durably.
   *
   * The claimed digest may be of any registered algorithm; the answer carries the canonical one. On a mismatch the
   * upload stays as it is, so that the client can try again.
   *
   * @throws {RegistryError} `digest-mismatch`, `size-mismatch`, `upload-unknown`
   */
  commit(claimed: { readonly digest: Digest; readonly size?: number }): Promise<BlobDescriptor>;

  /** As {@link commit} when the bytes' maker is trusted and nobody has claimed a digest. */
  commitUnclaimed(): Promise<BlobDescriptor>;

  /** Ends the upload and drops its bytes; false when it had ended already. */
  cancel(): Promise<boolean>;
}
