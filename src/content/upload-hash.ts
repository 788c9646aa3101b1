import { LRUCache } from "lru-cache";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import { CANONICAL_ALGORITHM, type Digest } from "../oci/digest.ts";
import type { UploadId } from "./content-driver.ts";
import type { HashThread, ThreadHash } from "./hash-thread.ts";
import { LocalHash } from "./local-hash.ts";

/** If the first piece has this many bytes, the rest is probably too much for the server's own thread. */
const LARGE_PIECE = 256 << 10;

/** Digests of a growing sequence of bytes, in one or two algorithms at once. */
export class UploadHash {
  /** The revision of the upload that was hashed. The hash is invalid for any other revision. */
  revision: string;
  readonly #algorithms: ReadonlySet<DigestAlgorithm>;
  readonly #thread: HashThread | undefined;
  #hash: LocalHash | ThreadHash | undefined;

  /**
   * Hashes uploads that begin with a large piece in shared memory on `thread`, if there is one, and others on the
   * caller's thread.
   */
  constructor(algorithms: Iterable<DigestAlgorithm>, revision: string, thread?: HashThread) {
    this.revision = revision;
    this.#algorithms = new Set<DigestAlgorithm>([CANONICAL_ALGORITHM, ...algorithms]);
    this.#thread = thread;
  }

  /** Hashes the next bytes. Do not change them until it resolves. Call it in order. */
  update(piece: Uint8Array): Awaitable<void> {
    this.#hash ??= this.#begin(piece);
    return this.#hash.update(piece);
  }

  /** Hashes all of `source`. */
  async updateAll(source: ByteSource): Promise<void> {
    for await (const chunk of source) await this.update(chunk);
  }

  /** Whether hashing failed, so that the bytes must be hashed again. */
  get isBroken(): boolean {
    return this.#hash?.isBroken === true;
  }

  /** Whether the hash includes that algorithm. */
  covers(algorithm: DigestAlgorithm): boolean {
    return this.#algorithms.has(algorithm);
  }

  /** The digest of the bytes so far; more bytes can follow. */
  async digest(algorithm: DigestAlgorithm): Promise<Digest> {
    this.#hash ??= new LocalHash(this.#algorithms);
    return `${algorithm}:${await this.#hash.hex(algorithm)}` as Digest;
  }

  #begin({ buffer, byteLength }: Uint8Array): LocalHash | ThreadHash {
    const isWorthIt = byteLength >= LARGE_PIECE && buffer instanceof SharedArrayBuffer;
    const thread = isWorthIt ? this.#thread : undefined;
    const hash = thread?.begin(this.#algorithms);
    // The system may have been unable to start a thread.
    return hash === undefined || hash.isBroken ? new LocalHash(this.#algorithms) : hash;
  }
}

/** Hashes of the most recently written uploads. Others are read and hashed again. */
export class UploadHashes {
  readonly #hashes: LRUCache<UploadId, UploadHash>;

  /** Keeps at most `max` hashes, each well under a kilobyte. */
  constructor(max: number) {
    this.#hashes = new LRUCache({ max });
  }

  /** Takes out the hash of the upload's bytes at `revision`, if it is kept. */
  take(id: UploadId, revision: string): UploadHash | undefined {
    const hash = this.#hashes.get(id);
    this.#hashes.delete(id);
    return hash?.revision === revision && !hash.isBroken ? hash : undefined;
  }

  /** Keeps a hash until it is taken or evicted. */
  put(id: UploadId, hash: UploadHash): void {
    this.#hashes.set(id, hash);
  }

  /** Forgets an upload that ended. */
  forget(id: UploadId): void {
    this.#hashes.delete(id);
  }
}
