import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/**
 * Permission to fill one entry with a later answer of the authority. Opaque; invalid once the repository is cleared.
 */
export type FillTicket = string & { readonly brand: "FillTicket" };

/**
 * Cache of which repository links which blob, so that the hot path needs no database query.
 *
 * It keeps two facts apart: that a repository links a blob, and the blob's descriptor. {@link find} needs both. It
 * never caches absence. An implementation may forget anything at any time. After {@link clear} resolves, it must
 * never answer from what it knew before.
 */
export interface DescriptorCache {
  /** Short name for logs and counters, such as `redis`. */
  readonly name: string;

  /**
   * The blob, if the cache knows both its link and its descriptor. A cache in this process answers without a promise,
   * so callers need no time limit.
   */
  find(
    repository: RepositoryName,
    digest: Digest,
  ): Promise<BlobDescriptor | undefined> | BlobDescriptor | undefined;

  /**
   * Permission to fill. Take it before you query the authority: {@link fill} then stores the answer only if no instance
   * cleared anything of the repository in between.
   */
  prepareFill(repository: RepositoryName): Promise<FillTicket>;

  /**
   * Stores that the repository links the blob, under `digest` and its canonical digest. Does nothing if the ticket is
   * no longer valid.
   */
  fill(
    repository: RepositoryName,
    digest: Digest,
    descriptor: BlobDescriptor,
    ticket: FillTicket,
  ): Promise<void>;

  /**
   * Forgets that the repository links `digest`. For a canonical digest, also forgets all other digests of that blob.
   * Without a digest, forgets all links of the repository. Other repositories keep theirs. Invalidates the
   * repository's tickets.
   */
  clear(repository: RepositoryName, digest?: Digest): Promise<void>;

  /** Resolves when the cache works and its content can be trusted; first removes content that cannot. */
  check(): Promise<void>;
}
