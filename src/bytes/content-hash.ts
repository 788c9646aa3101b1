import { Blake3Hasher } from "@napi-rs/blake-hash";

/** The algorithms whose digests the registry verifies (image-spec descriptor.md, "Registered Algorithms"). */
export type DigestAlgorithm = "sha256" | "sha512" | "blake3";

/** An incremental hash. */
export interface ContentHash {
  /** Adds bytes. */
  update(bytes: Uint8Array | string): void;
  /** Returns the hash of the bytes so far, in hex; more bytes can follow. */
  hex(): string;
}

/** Creates a hash of no bytes. */
export function createContentHash(algorithm: DigestAlgorithm): ContentHash {
  return algorithm === "blake3" ? new Blake3Hash() : new ShaHash(algorithm);
}

class ShaHash implements ContentHash {
  readonly #hasher: Bun.CryptoHasher;

  constructor(algorithm: "sha256" | "sha512") {
    this.#hasher = new Bun.CryptoHasher(algorithm);
  }

  update(bytes: Uint8Array | string): void {
    this.#hasher.update(bytes);
  }

  hex(): string {
    return this.#hasher.copy().digest("hex");
  }
}

class Blake3Hash implements ContentHash {
  readonly #hasher = new Blake3Hasher();

  update(bytes: Uint8Array | string): void {
    const { buffer, byteOffset, byteLength } = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    this.#hasher.update(Buffer.from(buffer, byteOffset, byteLength));
  }

  hex(): string {
    return this.#hasher.digest("hex");
  }
}
