import type { ByteRange } from "../bytes/byte-range.ts";
import type { ByteBody, ByteSource } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import { type Awaitable, whenReady } from "../concurrency/awaitable.ts";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import type { WorkLocks } from "../concurrency/work-locks.ts";
import type {
  BlobDescriptor,
  BlobIngester,
  BlobLocator,
  BlobProvider,
  BlobUpload,
  ContentListing,
} from "./blob-services.ts";
import {
  type ContentDriver,
  createUploadId,
  isUploadId,
  type ListedUpload,
  StorageError,
  type StoredBlob,
  type UploadId,
} from "./content-driver.ts";
import type { HashThread } from "./hash-thread.ts";
import { StoredUpload, type UploadContext } from "./stored-upload.ts";
import { UploadHash, UploadHashes } from "./upload-hash.ts";
import { type UploadPatience, UploadTurns } from "./upload-turns.ts";

/** Limits of a blob store, and its parts. */
export interface BlobStoreOptions {
  /**
   * Maximum open uploads whose hash is kept in memory; default 4,096. A commit reads an upload again if its hash was
   * evicted or lost in a restart.
   */
  readonly maxUploadHashes?: number;
  /** Keeps requests for one upload apart. The default covers this process, which is enough for a single instance. */
  readonly locks?: WorkLocks;
  /** Hashes large uploads, so that this thread can serve other requests. The caller disposes of it. */
  readonly hashThread?: HashThread | undefined;
  /** How long requests for one upload wait for each other. */
  readonly patience?: UploadPatience | undefined;
}

/** The content store: verified blobs and resumable uploads over any driver. It knows nothing of repositories. */
export class BlobStore implements BlobProvider, BlobLocator, BlobIngester, ContentListing {
  readonly #driver: ContentDriver;
  readonly #uploads: UploadContext;

  constructor(driver: ContentDriver, options: BlobStoreOptions = {}) {
    this.#driver = driver;
    this.#uploads = {
      driver,
      turns: new UploadTurns(options.locks ?? new KeyedLock(), options.patience),
      hashes: new UploadHashes(options.maxUploadHashes ?? 4096),
      hashThread: options.hashThread,
    };
  }

  open({ digest, size }: BlobDescriptor, range?: ByteRange): Awaitable<ByteBody | undefined> {
    return this.#driver.open(digest, size, range);
  }

  read(descriptor: BlobDescriptor, range: ByteRange): ByteSource {
    return this.#driver.read(descriptor.digest, descriptor.size, range);
  }

  async locate(descriptor: BlobDescriptor): Promise<string | undefined> {
    return this.#driver.locate?.(descriptor.digest);
  }

  holds({ digest, size }: BlobDescriptor): Awaitable<boolean> {
    return whenReady(this.#driver.stat(digest), (stored) => stored?.size === size);
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

  uploadOf(id: UploadId): BlobUpload {
    return new StoredUpload(id, this.#uploads);
  }

  listBlobs(): AsyncIterable<StoredBlob> {
    return this.#driver.list();
  }

  listUploads(): AsyncIterable<ListedUpload> {
    return this.#driver.listUploads();
  }
}
