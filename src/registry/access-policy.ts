import type { RepositoryName } from "../oci/repository-name.ts";

/** What a request wants to do to a repository, in the words of the token specification. */
export type RepositoryAction = "pull" | "push" | "delete";

/** Who asks. Anonymous until an authenticator says otherwise. */
export interface Caller {
  readonly name: string;
}

/** The one place where every request asks who may do what to which repository. */
export interface AccessPolicy {
  /** Whether `caller` may do `action` to `repository`. Never says whether the repository exists. */
  allows(caller: Caller, action: RepositoryAction, repository: RepositoryName): boolean;
  /** Whether `caller` may list repositories at all; each name listed is asked for `pull` as well. */
  allowsCatalog(caller: Caller): boolean;
}

/** Nobody in particular. */
export const ANONYMOUS: Caller = { name: "anonymous" };

/** Lets everybody do everything: the policy of a registry without users. */
export const OPEN_ACCESS: AccessPolicy = {
  allows: () => true,
  allowsCatalog: () => true,
};
