import { type ContentHash, createContentHash, type DigestAlgorithm } from "../bytes/content-hash.ts";

/** Digests of a growing sequence of bytes in several algorithms, computed at once on the caller's thread. */
export class LocalHash {
  readonly isBroken = false;
  readonly #hashers: ReadonlyMap<DigestAlgorithm, ContentHash>;

  constructor(algorithms: Iterable<DigestAlgorithm>) {
    this.#hashers = new Map([...algorithms].map((algorithm) => [algorithm, createContentHash(algorithm)]));
  }

  /** Hashes the next bytes. */
  update(bytes: Uint8Array): void {
    for (const hasher of this.#hashers.values()) hasher.update(bytes);
  }

  /** The hash of the bytes so far, in hex; more bytes can follow. */
  hex(algorithm: DigestAlgorithm): string {
    const hasher = this.#hashers.get(algorithm);
    if (hasher === undefined) throw new Error(`the bytes are not hashed with ${algorithm}`);
    return hasher.hex();
  }
}
