import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Hash of what a blob is: `digest` (the canonical one), `size`, `mediatype`. Distribution's name and fields. */
export function blobKey(digest: Digest): string {
  return `blobs::${digest}`;
}

/** Set of the digests that the repository links. Distribution's name. */
export function membersKey(repository: RepositoryName): string {
  return `repository::${repository}::blobs`;
}

/**
 * Hash of what a blob is to this repository: `mediatype`, Distribution's name and field; and for a canonical digest
 * `alias`, ours: the other digest under which it was filled.
 */
export function memberKey(repository: RepositoryName, digest: Digest): string {
  return `${membersKey(repository)}::${digest}`;
}

/** Matches the keys of every repository's memberships and of nothing else. */
export const ANY_MEMBERS_PATTERN = "repository::*::blobs";

/** Text that every fill of the repository must know, for as long as nothing of it is cleared. */
export function leaseKey(repository: RepositoryName): string {
  return `repository::${repository}::lease`;
}

/** The server process whose data is known to lack no clear; see `redis-connection.ts`. */
export const INCARNATION_KEY = "slipway::incarnation";
