import type { ByteSource } from "../../bytes/byte-source.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";

/** An entry of a referrers list. */
export interface Referrer {
  readonly digest: Digest;
  /** Bytes of its descriptor as JSON, including annotations. */
  readonly descriptorBytes: number;
}

/** The place of a referrer among those of its subject: those pushed earlier come first. */
export interface ReferrerPlace {
  /** About the time of its first push in milliseconds, later than that of every earlier one. */
  readonly listedAt: number;
  /** Decides between referrers that an older version stored in the same millisecond. */
  readonly digest: Digest;
}

/** The manifests that refer to a subject, and their descriptors. */
export interface ReferrerLedger {
  /** The manifests whose subject is `subject`, those pushed first in front; at most `limit` after the given place. */
  listReferrers(
    repository: RepositoryName,
    subject: Digest,
    filter: { readonly artifactType?: string },
    page: { readonly after?: ReferrerPlace | undefined; readonly limit: number },
  ): Promise<readonly (Referrer & ReferrerPlace)[]>;

  /**
   * Those of the `candidates` that the repository has and that do not name `subject` themselves, in no particular
   * order.
   */
  findReferrers(
    repository: RepositoryName,
    subject: Digest,
    filter: { readonly artifactType?: string },
    candidates: readonly Digest[],
  ): Promise<readonly Referrer[]>;

  /**
   * The descriptors of referrers as JSON, separated by commas, in pieces, which are read on demand. Leaves out
   * referrers that were deleted since the list was read; fails if one is deleted while it is read.
   */
  readDescriptors(repository: RepositoryName, referrers: readonly Referrer[]): ByteSource;

  /**
   * A number that changes whenever any process commits a change. Results may be cached while it stays the same.
   * `undefined` if the store cannot tell. Get it before you read.
   */
  epoch(): number | undefined;
}
