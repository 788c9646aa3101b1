import { type Awaitable, whenReady } from "../concurrency/awaitable.ts";
import type { StoredManifest } from "../metadata/ports/manifest-ledger.ts";
import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageBuilder, ImageWaiter } from "./image-builder.ts";
import { type Manifests, manifestUnknown } from "./manifests.ts";

/** Pulls of manifests: the stored one, or one that the image builder makes for a name that nobody pushed. */
export class ManifestPulls {
  readonly #manifests: Manifests;
  readonly #builder: ImageBuilder | undefined;

  constructor(manifests: Manifests, builder: ImageBuilder | undefined) {
    this.#manifests = manifests;
    this.#builder = builder;
  }

  /** Whether {@link get} may have to build the image first, which takes a while. */
  mayBuild(repository: RepositoryName, reference: Reference): boolean {
    return this.#builder?.claims(repository, reference) ?? false;
  }

  /**
   * The manifest. If nobody pushed it and the name tells how to build it, it is built first.
   *
   * @throws {RegistryError} `manifest-unknown`, or what {@link ImageBuilder.ensure} throws
   */
  get(repository: RepositoryName, reference: Reference, waiter: ImageWaiter): Awaitable<StoredManifest> {
    const ensured = this.mayBuild(repository, reference)
      ? this.#builder?.ensure(repository, reference, waiter)
      : undefined;
    return whenReady(ensured, () => this.#stored(repository, reference));
  }

  #stored(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest> {
    return whenReady(this.#manifests.find(repository, reference), (manifest) => {
      if (manifest === undefined) throw manifestUnknown(repository, reference);
      return manifest;
    });
  }
}
