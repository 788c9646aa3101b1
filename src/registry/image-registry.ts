import type { ByteBody, ByteSource } from "../bytes/byte-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { StoredManifest } from "../metadata/ports/manifest-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** A manifest to push, and its tags. */
export interface ManifestPush {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly tags: readonly Tag[];
}

/** A stored manifest with all its bytes. */
export type WholeManifest = Required<StoredManifest>;

/** The registry's services for storing built images, by the same path as a client's push. */
export interface ImageRegistry {
  /** Stores `source` durably as a blob without a link, and hashes it while writing. */
  ingest(source: ByteSource): Promise<BlobDescriptor>;
  /** Whether the blob can be served. */
  holds(blob: BlobDescriptor): Promise<boolean>;
  /** The blob that `repository` links under any of its digests; `undefined` if there is none. */
  findBlob(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined>;
  /** Opens a stored blob. @throws {RegistryError} `blob-unknown` if it is lost or damaged */
  open(blob: BlobDescriptor): Promise<ByteBody>;
  /** Links stored blobs to a repository, as a mount does. */
  link(repository: RepositoryName, blobs: readonly BlobDescriptor[]): Promise<void>;
  /** Pushes a manifest whose blobs are linked; resolves to its digest. */
  pushManifest(repository: RepositoryName, push: ManifestPush): Promise<Digest>;
  /** The manifest stored under `reference`. */
  findManifest(repository: RepositoryName, reference: Reference): Awaitable<WholeManifest | undefined>;
}
