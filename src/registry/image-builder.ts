import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** Who can build an image that nobody pushed. The registry asks, and afterwards looks the manifest up again. */
export interface ImageBuilder {
  /** Whether the name is one that this builder answers for; decided from the text alone, without I/O. */
  claims(repository: RepositoryName, reference: Reference): boolean;

  /**
   * Makes sure that the repository holds a fresh enough image under `reference`, building and pushing it when it
   * does not. Requests for one name share one build. A stored image that cannot be refreshed stays.
   *
   * @throws {RegistryError} `package-unknown`, `package-conflict`, `build-failed`, `build-unavailable`, `manifest-unknown`
   */
  ensure(repository: RepositoryName, reference: Reference, signal?: AbortSignal): Promise<void>;
}
