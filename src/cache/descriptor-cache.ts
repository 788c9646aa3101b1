import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/**
 * Remembers which repository links which blob, so that the hot path asks no database.
 *
 * Two separate facts, either of which may be there without the other: a repository's membership, and a blob's own
 * descriptor. {@link find} answers only from both. Never holds a "no". An implementation may forget anything at any time and must
 * never answer after {@link clear} resolved.
 */
export interface DescriptorCache {
  /** The blob, when the cache knows both that the repository links `digest` and what it is. */
  find(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined>;
  /** Remembers that the repository links `digest`, and what that is. */
  fill(repository: RepositoryName, digest: Digest, descriptor: BlobDescriptor): Promise<void>;
  /** Forgets the repository's membership; other repositories keep theirs. */
  clear(repository: RepositoryName, digest: Digest): Promise<void>;
}
