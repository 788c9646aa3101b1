import type { ByteSource } from "../../bytes/byte-source.ts";
import type { Awaitable } from "../../concurrency/awaitable.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { WriteCondition } from "../../oci/write-condition.ts";

/** Largest manifest that a look-up returns with all its bytes. Nearly all are far smaller. */
export const WHOLE_MANIFEST_BYTES = 256 * 1024;

/** What identifies a manifest. */
export interface ManifestName {
  /** In the algorithm of the request, or that of the push that set the tag. */
  readonly digest: Digest;
  readonly mediaType: string;
}

/** A manifest as it was pushed. */
export interface StoredManifest extends ManifestName {
  /** Size in bytes. */
  readonly size: number;
  /** Absent if there are more than {@link WHOLE_MANIFEST_BYTES}; use {@link ManifestLedger.readManifest} then. */
  readonly bytes?: Uint8Array;
}

/** One reference in a manifest. */
export interface ManifestReference {
  readonly kind: "config" | "layer" | "manifest";
  readonly digest: Digest;
  /** Whether the manifest may be stored without this. */
  readonly optional: boolean;
}

/** What to record when a manifest is pushed. */
export interface NewManifest extends ManifestName {
  readonly bytes: Uint8Array;
  /** All digests of the bytes, including {@link ManifestName.digest}. */
  readonly digests: readonly Digest[];
  readonly references: readonly ManifestReference[];
  readonly subject?: Digest | undefined;
  /** Its entry in referrers lists. */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Manifests and tags by repository. */
export interface ManifestLedger {
  /** The manifest under a tag or digest, with one look-up. */
  findManifest(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined>;

  /**
   * The bytes of a manifest in pieces, which are read on demand.
   *
   * Fails if the manifest is deleted before its end is read.
   */
  readManifest(repository: RepositoryName, digest: Digest): ByteSource;

  /**
   * Writes the manifest, its references, its referrers entry and, last, the tags, in one durable transaction. The
   * transaction also checks that the repository links everything the manifest refers to.
   *
   * Resolves to the missing references; if there are any, nothing was written. Idempotent. The transaction also
   * checks `condition` for each of the tags, or for the manifest's digest if there are no tags.
   *
   * @throws {RegistryError} `precondition-failed`; `manifest-invalid` if these bytes are stored with another media
   * type. Nothing was written then.
   */
  putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    condition?: WriteCondition,
  ): Promise<readonly ManifestReference[]>;

  /**
   * Removes a manifest under all its digests, and every tag that leads to it; false if there is none, whatever the
   * condition.
   *
   * @throws {RegistryError} `precondition-failed`; nothing was removed then
   */
  deleteManifest(repository: RepositoryName, digest: Digest, condition?: WriteCondition): Promise<boolean>;

  /**
   * Removes a tag and keeps its manifest; false if there is none, whatever the condition.
   *
   * @throws {RegistryError} `precondition-failed`; nothing was removed then
   */
  deleteTag(repository: RepositoryName, tag: Tag, condition?: WriteCondition): Promise<boolean>;
}
