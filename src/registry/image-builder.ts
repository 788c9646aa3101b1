import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** A request that waits for an image. A builder reads its members only when the image has to be built. */
export interface ImageWaiter {
  /** Opaque text, equal for requests of the same caller. Callers take turns. */
  readonly callerKey: string;
  /** Aborted when the caller goes away. */
  readonly signal?: AbortSignal | undefined;
}

/** Builds images that nobody pushed. The registry asks it first, and then looks up the manifest. */
export interface ImageBuilder {
  /** Whether this builder is responsible for the name. Decides by the text alone, without I/O. */
  claims(repository: RepositoryName, reference: Reference): boolean;

  /**
   * Makes sure that `repository` holds a fresh image under `reference`: builds and pushes it if it is missing or stale.
   * Requests for the same name share one build. If a stale image cannot be refreshed, it stays.
   *
   * @throws {RegistryError} `package-unknown`, `package-conflict`, `build-failed`, `build-unavailable`,
   * `manifest-unknown`, or `too-many-requests` when too many builds wait
   * @throws the reason of the waiter's signal as soon as it is aborted
   */
  ensure(repository: RepositoryName, reference: Reference, waiter: ImageWaiter): Promise<void>;
}
