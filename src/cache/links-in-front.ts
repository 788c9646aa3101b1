import type { Awaitable } from "../concurrency/awaitable.ts";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { BlobLinks, NewLink } from "../metadata/ports/blob-ledger.ts";
import type { PageRequest } from "../metadata/ports/page-request.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Blob links in front of an authority, which does whatever no cache can help with. */
export abstract class LinksInFront implements BlobLinks {
  protected readonly authority: BlobLinks;

  constructor(authority: BlobLinks) {
    this.authority = authority;
  }

  abstract findLinkedBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor | undefined>;

  abstract unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean>;

  linkBlob(repository: RepositoryName, blob: BlobDescriptor, digests: readonly Digest[]): Promise<void> {
    return this.authority.linkBlob(repository, blob, digests);
  }

  linkBlobs(repository: RepositoryName, links: readonly NewLink[]): Promise<void> {
    return this.authority.linkBlobs(repository, links);
  }

  listRepositoriesLinking(
    digest: Digest,
    page: PageRequest<RepositoryName>,
  ): Promise<readonly RepositoryName[]> {
    return this.authority.listRepositoriesLinking(digest, page);
  }
}
