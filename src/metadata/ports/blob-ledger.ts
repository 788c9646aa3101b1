import type { Awaitable } from "../../concurrency/awaitable.ts";
import type { BlobDescriptor } from "../../content/blob-services.ts";
import type { UploadId } from "../../content/content-driver.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { PageRequest } from "./page-request.ts";

/** Durably stored content, and the digests under which a repository links it. */
export interface NewLink {
  readonly blob: BlobDescriptor;
  readonly digests: readonly Digest[];
}

/** The links from repositories to blobs. Digests can have any algorithm. */
export interface BlobLinks {
  /** The blob that `repository` links under `digest`. */
  findLinkedBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor | undefined>;

  /**
   * Records durably stored content, and links it to the repository under each of its digests, in one durable
   * transaction.
   */
  linkBlob(repository: RepositoryName, blob: BlobDescriptor, digests: readonly Digest[]): Promise<void>;

  /** Links several blobs like {@link linkBlob}, all of them or none, in one durable transaction. */
  linkBlobs(repository: RepositoryName, links: readonly NewLink[]): Promise<void>;

  /** Removes the repository's links to the blob under all its digests; false if there are none. */
  unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean>;

  /** The repositories that link `digest`, in ascending order; for mounts without a source. */
  listRepositoriesLinking(
    digest: Digest,
    page: PageRequest<RepositoryName>,
  ): Promise<readonly RepositoryName[]>;
}

/** The removal of a link from a repository to a blob. */
export interface Unlink {
  /** Increases by one with each unlink, in the order of their commits. */
  readonly number: number;
  readonly repository: RepositoryName;
  /** Canonical. */
  readonly digest: Digest;
}

/** The latest removals of blob links, for caches to forget. */
export interface UnlinkLog {
  /** Number of the latest unlink, 0 before the first. */
  latestUnlink(): Promise<number>;
  /** At most `limit` unlinks after number `after`, in order. Only the latest 10,000 are kept. */
  listUnlinks(after: number, limit: number): Promise<readonly Unlink[]>;
}

/** Which content the metadata knows, to find content that is missing or not in use. */
export interface ContentLedger {
  /** Whether any repository links a blob. */
  linksBlobs(): Promise<boolean>;
  /** Returns those of the `digests` that are recorded as blobs. They must be canonical. */
  findBlobs(digests: readonly Digest[]): Promise<ReadonlySet<Digest>>;
  /** Returns those of the `ids` that have a session. */
  findUploads(ids: readonly UploadId[]): Promise<ReadonlySet<UploadId>>;
  /** The number of sessions that started before `startedBefore`. */
  countUploads(startedBefore: Date): Promise<number>;
}
