import type { StoredManifest } from "../metadata/metadata-store.ts";
import type { Reference } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageBuilder } from "./image-builder.ts";
import { type Manifests, manifestUnknown } from "./manifests.ts";

/** Pulls of manifests: what is stored, or what the image builder makes of a name that nobody pushed. */
export class ManifestPulls {
  readonly #manifests: Manifests;
  readonly #builder: ImageBuilder | undefined;

  constructor(manifests: Manifests, builder: ImageBuilder | undefined) {
    this.#manifests = manifests;
    this.#builder = builder;
  }

  /** Whether {@link get} may have to build the image first, which takes long. */
  mayBuild(repository: RepositoryName, reference: Reference): boolean {
    return this.#builder?.claims(repository, reference) ?? false;
  }

  /**
   * The manifest, built first when nobody pushed it and the name says how. `signal` tells that nobody waits any more.
   *
   * @throws {RegistryError} `manifest-unknown`, or what {@link ImageBuilder.ensure} throws
   */
  async get(repository: RepositoryName, reference: Reference, signal?: AbortSignal): Promise<StoredManifest> {
    if (this.mayBuild(repository, reference)) await this.#builder?.ensure(repository, reference, signal);
    const manifest = await this.#manifests.find(repository, reference);
    if (manifest === undefined) throw manifestUnknown(repository, reference);
    return manifest;
  }
}
