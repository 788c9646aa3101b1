import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Leave to fill one entry with what the authority says from now on; opaque, and void once anything of that repository is cleared. */
export type FillTicket = string & { readonly brand: "FillTicket" };

/**
 * Remembers which repository links which blob, so that the hot path asks no database.
 *
 * Two separate facts, either of which may be there without the other: a repository's membership, and a blob's own
 * descriptor. {@link find} answers only from both. Never holds a "no". An implementation may forget anything at
 * any time, and after {@link clear} resolved must never answer from what was known before it.
 */
export interface DescriptorCache {
  /** Short name for logs and counters, such as `redis`. */
  readonly name: string;

  /**
   * The blob, when the cache knows both that the repository links `digest` and what it is. A cache in this process
   * answers at once, without a promise: nobody need watch over how long it takes.
   */
  find(
    repository: RepositoryName,
    digest: Digest,
  ): Promise<BlobDescriptor | undefined> | BlobDescriptor | undefined;

  /**
   * Leave to fill, taken before the authority is asked: what it then says is remembered only when nobody, on any
   * instance that shares the cache, cleared anything of the repository in between.
   */
  prepareFill(repository: RepositoryName): Promise<FillTicket>;

  /**
   * Remembers that the repository links the blob, under `digest` and its canonical one. Does nothing when the
   * ticket is no longer good.
   */
  fill(
    repository: RepositoryName,
    digest: Digest,
    descriptor: BlobDescriptor,
    ticket: FillTicket,
  ): Promise<void>;

  /**
   * Forgets that the repository links `digest`; when that is the canonical digest, every other one of that blob is
   * forgotten with it. Without a digest, forgets all that the repository links. Other repositories keep theirs.
   * Tickets of the repository are void.
   */
  clear(repository: RepositoryName, digest?: Digest): Promise<void>;

  /** Resolves when the cache answers and what it holds may be trusted, having put that right where it was not. */
  check(): Promise<void>;
}
