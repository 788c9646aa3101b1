import { LRUCache } from "lru-cache";
import type { ByteRange } from "../bytes/byte-range.ts";
import { type ByteBody, bodyChunks } from "../bytes/byte-source.ts";
import { type Awaitable, whenReady } from "../concurrency/awaitable.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { BlobDescriptor, BlobProvider } from "./blob-services.ts";
import { StorageError } from "./content-driver.ts";
import { verified } from "./verified.ts";

const NAME = "small-blob-cache";

/** Limits of the cache. */
export interface SmallBlobCacheOptions {
  /** Largest blob kept, in bytes. */
  readonly maxBlobBytes: number;
  /** Maximum bytes in the cache. */
  readonly maxBytes: number;
}

/**
 * Keeps small blobs in memory, mostly image configs: opening a file costs more than sending a few KiB.
 *
 * Content under a digest never changes, so entries cannot be out of date. They are verified when loaded, and served
 * only while the store holds the blob. Check access before you open a blob.
 */
export class SmallBlobCache implements BlobProvider {
  readonly #provider: BlobProvider;
  readonly #maxBlobBytes: number;
  /** Blobs of the right size with wrong bytes. Each request reads them again. */
  readonly #damaged = new LRUCache<Digest, true>({ max: 10_000 });
  readonly #kept: LRUCache<Digest, Uint8Array<ArrayBuffer>>;

  constructor(provider: BlobProvider, { maxBlobBytes, maxBytes }: SmallBlobCacheOptions) {
    this.#provider = provider;
    this.#maxBlobBytes = maxBlobBytes;
    this.#kept = new LRUCache({ maxSize: maxBytes, sizeCalculation: (bytes) => bytes.byteLength + 256 });
  }

  open(descriptor: BlobDescriptor, range?: ByteRange): Awaitable<ByteBody | undefined> {
    if (descriptor.size > this.#maxBlobBytes) return this.#provider.open(descriptor, range);
    return whenReady(this.#bytesOf(descriptor), (bytes) =>
      range === undefined ? bytes : bytes?.subarray(range.start, range.end),
    );
  }

  async *read(descriptor: BlobDescriptor, range: ByteRange): AsyncGenerator<Uint8Array> {
    if (descriptor.size > this.#maxBlobBytes) return yield* this.#provider.read(descriptor, range);
    const bytes = await this.#bytesOf(descriptor);
    if (bytes === undefined) throw new StorageError(NAME, "read", descriptor.digest, "lost or damaged");
    yield bytes.subarray(range.start, range.end);
  }

  holds(descriptor: BlobDescriptor): Awaitable<boolean> {
    return whenReady(this.#provider.holds(descriptor), (held) => {
      if (!held) this.#kept.delete(descriptor.digest);
      if (!held || !this.#damaged.has(descriptor.digest)) return held;
      // A push at any instance may have replaced it.
      return this.#load(descriptor).then((bytes) => bytes !== undefined);
    });
  }

  #bytesOf(descriptor: BlobDescriptor): Awaitable<Uint8Array<ArrayBuffer> | undefined> {
    return whenReady(this.holds(descriptor), (held) =>
      held ? (this.#kept.get(descriptor.digest) ?? this.#load(descriptor)) : undefined,
    );
  }

  /** Reads and verifies a blob; `undefined` if it is lost or damaged. */
  async #load(descriptor: BlobDescriptor): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { digest, size } = descriptor;
    const body = await this.#provider.open(descriptor);
    if (body === undefined) return undefined;
    const bytes = new Uint8Array(size);
    let offset = 0;
    try {
      for await (const chunk of verified(bodyChunks(body), descriptor)) {
        bytes.set(chunk, offset);
        offset += chunk.byteLength;
      }
    } catch (error) {
      if (!(error instanceof RegistryError)) throw new StorageError(NAME, "load", digest, error);
      this.#damaged.set(digest, true);
      return undefined;
    }
    this.#damaged.delete(digest);
    this.#kept.set(digest, bytes);
    return bytes;
  }
}
