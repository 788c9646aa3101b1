import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { type AccessPolicy, ANONYMOUS, type Caller, type RepositoryAction } from "./access-policy.ts";

/** Enforces the access policy. A refusal never reveals whether the repository exists. */
export class AccessControl {
  readonly #policy: AccessPolicy;

  constructor(policy: AccessPolicy) {
    this.#policy = policy;
  }

  /** Whether `caller` may do `action` to `repository`. */
  allows(caller: Caller, action: RepositoryAction, repository: RepositoryName): boolean {
    return this.#policy.allows(caller, action, repository);
  }

  /** Whether anybody may pull from `repository`. */
  isPublic(repository: RepositoryName): boolean {
    return this.#policy.allows(ANONYMOUS, "pull", repository);
  }

  /** @throws {RegistryError} `authentication-required` for an anonymous caller, otherwise `access-denied` */
  require(caller: Caller, action: RepositoryAction, repository: RepositoryName): void {
    if (!this.#policy.allows(caller, action, repository)) throw refusal(caller, { action, repository });
  }

  /** @throws {RegistryError} `authentication-required`, `access-denied` */
  requireCatalog(caller: Caller): void {
    if (!this.#policy.allowsCatalog(caller)) throw refusal(caller, { action: "catalog" });
  }
}

function refusal(caller: Caller, detail: unknown): RegistryError {
  return caller === ANONYMOUS
    ? new RegistryError("authentication-required", "authentication required", { detail })
    : new RegistryError("access-denied", "requested access to the resource is denied", { detail });
}
