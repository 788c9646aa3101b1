import type { ByteRange } from "../oci/byte-range.ts";
import type { ByteBody } from "../oci/byte-source.ts";
import type { DigestAlgorithm } from "../oci/content-hash.ts";
import { KeyedLock } from "../oci/keyed-lock.ts";
import type { WorkLocks } from "../oci/work-locks.ts";
import type { BlobDescriptor, BlobIngester, BlobLocator, BlobProvider, BlobUpload } from "./blob-services.ts";
import { type ContentDriver, StorageError, type UploadId } from "./content-driver.ts";
import type { HashThread } from "./hash-thread.ts";
import { StoredUpload, type UploadContext } from "./stored-upload.ts";
import { UploadHash, UploadHashes } from "./upload-hash.ts";
import { createUploadId, isUploadId } from "./upload-id.ts";

/** How a blob store is bounded, and whom it shares its uploads with. */
export interface BlobStoreOptions {
  /**
   * Open uploads whose hash is kept in memory, 4,096 unless told. Committing one that was crowded out, or begun
   * before a restart, reads it once more.
   */
  readonly maxUploadHashes?: number;
  /** Keeps requests on one upload apart; those of this process unless told, which is enough for a single instance. */
  readonly locks?: WorkLocks;
  /** Hashes large uploads, so that this thread serves others meanwhile; the caller's to dispose of. */
  readonly hashThread?: HashThread;
}

/** The content store: verified blobs and resumable uploads over any driver. Knows no repository. */
export class BlobStore implements BlobProvider, BlobLocator, BlobIngester {
  readonly #driver: ContentDriver;
  readonly #uploads: UploadContext;

  constructor(driver: ContentDriver, options: BlobStoreOptions = {}) {
    this.#driver = driver;
    this.#uploads = {
      driver,
      locks: options.locks ?? new KeyedLock(),
      hashes: new UploadHashes(options.maxUploadHashes ?? 4096),
      hashThread: options.hashThread,
    };
  }

  async open(descriptor: BlobDescriptor, range?: ByteRange): Promise<ByteBody> {
    const { digest, size } = descriptor;
    const body = await this.#driver.open(digest, size, range);
    if (body === undefined) throw new StorageError(this.#driver.name, "open", digest, "not stored");
    return body;
  }

  async locate(descriptor: BlobDescriptor): Promise<string | undefined> {
    return this.#driver.locate?.(descriptor.digest);
  }

  async holds(descriptor: BlobDescriptor): Promise<boolean> {
    return (await this.#driver.stat(descriptor.digest))?.size === descriptor.size;
  }

  async create(algorithm?: DigestAlgorithm): Promise<BlobUpload> {
    const id = createUploadId();
    await this.#driver.createUpload(id);
    const state = await this.#driver.statUpload(id);
    if (state === undefined) throw new StorageError(this.#driver.name, "create upload", id, "not stored");
    const algorithms = algorithm === undefined ? [] : [algorithm];
    this.#uploads.hashes.put(id, new UploadHash(algorithms, state.revision, this.#uploads.hashThread));
    return new StoredUpload(id, this.#uploads);
  }

  async resume(id: UploadId): Promise<BlobUpload | undefined> {
    if (!isUploadId(id) || (await this.#driver.statUpload(id)) === undefined) return undefined;
    return new StoredUpload(id, this.#uploads);
  }

  listUploads(): AsyncIterable<{ readonly id: UploadId; readonly modifiedAt: Date }> {
    return this.#driver.listUploads();
  }
}
