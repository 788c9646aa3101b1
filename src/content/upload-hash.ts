import { LRUCache } from "lru-cache";
import type { ByteSource } from "../oci/byte-source.ts";
import { type ContentHash, createContentHash, type DigestAlgorithm } from "../oci/content-hash.ts";
import { CANONICAL_ALGORITHM, type Digest } from "../oci/digest.ts";
import type { UploadId } from "./content-driver.ts";

/** Digests of a growing sequence of bytes, in one or two algorithms at once. */
export class UploadHash {
  /** The upload's revision whose bytes were hashed; other bytes make the hash worthless. */
  revision: string;
  readonly #hashers: ReadonlyMap<DigestAlgorithm, ContentHash>;

  constructor(algorithms: Iterable<DigestAlgorithm>, revision: string) {
    this.revision = revision;
    const wanted = new Set<DigestAlgorithm>([CANONICAL_ALGORITHM, ...algorithms]);
    this.#hashers = new Map([...wanted].map((algorithm) => [algorithm, createContentHash(algorithm)]));
  }

  /** Hashes the next bytes. */
  update(chunk: Uint8Array): void {
    for (const hasher of this.#hashers.values()) hasher.update(chunk);
  }

  /** Hashes all of `source`. */
  async updateAll(source: ByteSource): Promise<void> {
    for await (const chunk of source) this.update(chunk);
  }

  /** Whether these bytes are hashed with that algorithm. */
  covers(algorithm: DigestAlgorithm): boolean {
    return this.#hashers.has(algorithm);
  }

  /** The digest of the bytes so far; more may follow. */
  digest(algorithm: DigestAlgorithm): Digest {
    const hasher = this.#hashers.get(algorithm);
    if (hasher === undefined) throw new Error(`the bytes are not hashed with ${algorithm}`);
    return `${algorithm}:${hasher.hex()}` as Digest;
  }
}

/** Hashes of the uploads most recently written to; the others are hashed again from what is stored. */
export class UploadHashes {
  readonly #hashes: LRUCache<UploadId, UploadHash>;

  /** Keeps at most `max`, each of well under a kilobyte. */
  constructor(max: number) {
    this.#hashes = new LRUCache({ max });
  }

  /** Takes out the hash of exactly the bytes that the upload holds at `revision`, when it is here. */
  take(id: UploadId, revision: string): UploadHash | undefined {
    const hash = this.#hashes.get(id);
    this.#hashes.delete(id);
    return hash?.revision === revision ? hash : undefined;
  }

  /** Keeps a hash until it is taken or crowded out. */
  put(id: UploadId, hash: UploadHash): void {
    this.#hashes.set(id, hash);
  }

  /** Forgets an upload that ended. */
  forget(id: UploadId): void {
    this.#hashes.delete(id);
  }
}
