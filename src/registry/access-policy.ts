import type { RepositoryName } from "../oci/repository-name.ts";

/** What a request wants to do to a repository, in the terms of the token specification. */
export type RepositoryAction = "pull" | "push" | "delete";

/** The client that sends a request; anonymous unless an authenticator identified it. */
export interface Caller {
  readonly name: string;
}

/** Decides who may do what to which repository. Every request is checked. */
export interface AccessPolicy {
  /** Whether `caller` may do `action` to `repository`. Does not reveal whether the repository exists. */
  allows(caller: Caller, action: RepositoryAction, repository: RepositoryName): boolean;
  /** Whether `caller` may list repositories at all; each listed name also needs `pull`. */
  allowsCatalog(caller: Caller): boolean;
}

/** The anonymous caller. */
export const ANONYMOUS: Caller = { name: "anonymous" };

/** Allows everything: the policy of a registry without users. */
export const OPEN_ACCESS: AccessPolicy = {
  allows: () => true,
  allowsCatalog: () => true,
};
