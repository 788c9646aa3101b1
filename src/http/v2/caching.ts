import type { RepositoryName } from "../../oci/repository-name.ts";
import type { AccessControl } from "../../registry/access-control.ts";

/** Who may have an answer: anybody, or only some. */
export type Audience = "public" | "private";

/** Who may have what is pulled from a repository. */
export function audienceOf(access: AccessControl, repository: RepositoryName): Audience {
  return access.isPublic(repository) ? "public" : "private";
}

/**
 * The values of `Cache-Control`. A cache that several users share must not keep what only some may have: it could not
 * tell who (RFC 9111, section 5.2.2.7).
 */
export type Caching = Readonly<Record<Audience, string>>;

/** Of content under a digest, which never changes. */
export const IMMUTABLE: Caching = {
  public: "public, max-age=31536000, immutable",
  private: "private, max-age=31536000, immutable",
};

/** Of content under a tag: a cache must ask each time whether it has changed. */
export const REVALIDATED: Caching = { public: "no-cache", private: "private, no-cache" };
