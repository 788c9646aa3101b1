import { LRUCache } from "lru-cache";
import { type Awaitable, whenReady } from "../oci/awaitable.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import { type ByteBody, chunksOf } from "../oci/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import type { BlobDescriptor, BlobProvider } from "./blob-services.ts";
import { StorageError } from "./content-driver.ts";
import { verified } from "./verified.ts";

/** Bounds of the cache. */
export interface SmallBlobCacheOptions {
  /** Largest blob kept, in bytes. */
  readonly maxBlobBytes: number;
  /** Bytes kept altogether. */
  readonly maxBytes: number;
}

/**
 * Keeps small blobs in memory, image configs above all: opening a file costs more than sending one of a few KiB.
 *
 * Content under a digest never changes, so nothing kept can be out of date; it is verified as it comes in. Whether the
 * caller may read a blob, and whether the blob still is one, is decided before anybody opens it.
 */
export class SmallBlobCache implements BlobProvider {
  readonly #provider: BlobProvider;
  readonly #maxBlobBytes: number;
  readonly #kept: LRUCache<Digest, Uint8Array<ArrayBuffer>>;

  constructor(provider: BlobProvider, { maxBlobBytes, maxBytes }: SmallBlobCacheOptions) {
    this.#provider = provider;
    this.#maxBlobBytes = maxBlobBytes;
    this.#kept = new LRUCache({ maxSize: maxBytes, sizeCalculation: (bytes) => bytes.byteLength + 256 });
  }

  open(descriptor: BlobDescriptor, range?: ByteRange): Awaitable<ByteBody> {
    if (descriptor.size > this.#maxBlobBytes) return this.#provider.open(descriptor, range);
    return whenReady(this.#kept.get(descriptor.digest) ?? this.#load(descriptor), (bytes) =>
      range === undefined ? bytes : bytes.subarray(range.start, range.end),
    );
  }

  holds(descriptor: BlobDescriptor): Promise<boolean> {
    return this.#provider.holds(descriptor);
  }

  async #load(descriptor: BlobDescriptor): Promise<Uint8Array<ArrayBuffer>> {
    const body = await this.#provider.open(descriptor);
    const bytes = new Uint8Array(descriptor.size);
    let offset = 0;
    try {
      for await (const chunk of verified(chunksOf(body), descriptor)) {
        bytes.set(chunk, offset);
        offset += chunk.byteLength;
      }
    } catch (error) {
      throw new StorageError("small-blob-cache", "load", descriptor.digest, error);
    }
    this.#kept.set(descriptor.digest, bytes);
    return bytes;
  }
}
