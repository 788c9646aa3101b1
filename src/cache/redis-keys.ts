import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Hash with a blob's descriptor: `digest` (canonical), `size`, `mediatype`. Distribution uses the same name and fields. */
export function blobKey(digest: Digest): string {
  return `blobs::${digest}`;
}

/** Set of the digests that the repository links. Distribution uses the same name. */
export function membersKey(repository: RepositoryName): string {
  return `repository::${repository}::blobs`;
}

/**
 * Hash with what this repository knows of a blob: `mediatype`, as in Distribution, and for a canonical digest our
 * own `alias`, the other digest under which it was stored.
 */
export function memberKey(repository: RepositoryName, digest: Digest): string {
  return `${membersKey(repository)}::${digest}`;
}

/** Pattern that matches the membership keys of all repositories and nothing else. */
export const ANY_MEMBERS_PATTERN = "repository::*::blobs";

/** Lease of a repository: the token that every fill must present, until the next clear. */
export function leaseKey(repository: RepositoryName): string {
  return `repository::${repository}::lease`;
}

/** The Redis process whose data has seen every clear; see `redis-connection.ts`. */
export const INCARNATION_KEY = "slipway::incarnation";
