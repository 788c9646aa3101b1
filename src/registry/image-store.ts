import type { BlobDescriptor } from "../content/blob-services.ts";
import type { StoredManifest } from "../metadata/metadata-store.ts";
import type { Awaitable } from "../oci/awaitable.ts";
import type { ByteBody, ByteSource } from "../oci/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** A manifest to push, and the tags to give it. */
export interface ManifestPush {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly tags: readonly Tag[];
}

/** What the builder needs of the registry to store what it made: the same path that a client's push takes. */
export interface ImageStore {
  /** Stores `source` durably as a blob that no repository links yet, hashing as it writes. */
  ingest(source: ByteSource): Promise<BlobDescriptor>;
  /** Whether the blob is there to be served. */
  holds(blob: BlobDescriptor): Promise<boolean>;
  /** Opens a stored blob. */
  open(blob: BlobDescriptor): Promise<ByteBody>;
  /** Links stored blobs into a repository, as a mount does. */
  link(repository: RepositoryName, blobs: readonly BlobDescriptor[]): Promise<void>;
  /** Pushes a manifest whose blobs are linked; resolves to its digest. */
  pushManifest(repository: RepositoryName, push: ManifestPush): Promise<Digest>;
  /** The manifest stored under `reference`. */
  findManifest(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined>;
}
