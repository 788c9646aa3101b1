import type { BlobDescriptor } from "../content/blob-services.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Tells what a repository links, from the descriptor cache where it can and from the authority where it must. */
export interface BlobStatter {
  /** The blob that `repository` links under `digest`; `undefined` when it links none. */
  stat(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined>;
  /** Forgets what was known of a link. Resolves once no instance will answer from it any more. */
  clear(repository: RepositoryName, digest: Digest): Promise<void>;
}
