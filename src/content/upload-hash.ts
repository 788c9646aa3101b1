import { LRUCache } from "lru-cache";
import type { Awaitable } from "../oci/awaitable.ts";
import type { ByteSource } from "../oci/byte-source.ts";
import type { DigestAlgorithm } from "../oci/content-hash.ts";
import { CANONICAL_ALGORITHM, type Digest } from "../oci/digest.ts";
import type { UploadId } from "./content-driver.ts";
import type { HashThread, ThreadHash } from "./hash-thread.ts";
import { LocalHash } from "./local-hash.ts";

/** A first piece of so many bytes is the begin of more than the server's own thread should hash. */
const LARGE_PIECE = 256 << 10;

/** Digests of a growing sequence of bytes, in one or two algorithms at once. */
export class UploadHash {
  /** The upload's revision whose bytes were hashed; other bytes make the hash worthless. */
  revision: string;
  readonly #algorithms: ReadonlySet<DigestAlgorithm>;
  readonly #thread: HashThread | undefined;
  #hash: LocalHash | ThreadHash | undefined;

  /** With a `thread`, what begins with a large piece in shared memory is hashed there, and all else here. */
  constructor(algorithms: Iterable<DigestAlgorithm>, revision: string, thread?: HashThread) {
    this.revision = revision;
    this.#algorithms = new Set<DigestAlgorithm>([CANONICAL_ALGORITHM, ...algorithms]);
    this.#thread = thread;
  }

  /** Hashes the next bytes, which must stay as they are until it resolves. One update at a time, or in order. */
  update(piece: Uint8Array): Awaitable<void> {
    this.#hash ??= this.#begin(piece);
    return this.#hash.update(piece);
  }

  /** Hashes all of `source`. */
  async updateAll(source: ByteSource): Promise<void> {
    for await (const chunk of source) await this.update(chunk);
  }

  /** Whether what computed it failed, and the bytes must be hashed again. */
  get isBroken(): boolean {
    return this.#hash?.isBroken === true;
  }

  /** Whether these bytes are hashed with that algorithm. */
  covers(algorithm: DigestAlgorithm): boolean {
    return this.#algorithms.has(algorithm);
  }

  /** The digest of the bytes so far; more may follow. */
  async digest(algorithm: DigestAlgorithm): Promise<Digest> {
    this.#hash ??= new LocalHash(this.#algorithms);
    return `${algorithm}:${await this.#hash.hex(algorithm)}` as Digest;
  }

  #begin({ buffer, byteLength }: Uint8Array): LocalHash | ThreadHash {
    const isWorthIt = byteLength >= LARGE_PIECE && buffer instanceof SharedArrayBuffer;
    return isWorthIt && this.#thread?.isBroken === false
      ? this.#thread.begin(this.#algorithms)
      : new LocalHash(this.#algorithms);
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
    return hash?.revision === revision && !hash.isBroken ? hash : undefined;
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
