import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Tag } from "../../oci/reference.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";

/** A built and stored layer. As long as it is recorded, the blob can be served. */
export interface CachedLayer {
  /** Digest of everything that the layer's bytes depend on; the builder computes it. */
  readonly key: string;
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed archive (image-spec config.md, "Layer DiffID"). */
  readonly diffId: Digest;
  /** Facts about the layer's packages, which the builder found while it made the layer, as JSON. */
  readonly facts: string;
}

/** An image that was built for a name: what it was built from, and when it was last checked. */
export interface BuiltImage {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly manifestDigest: Digest;
  /** Digest of the lock: everything the image depends on. Equal locks give equal images. */
  readonly lockDigest: Digest;
  readonly resolvedAt: Date;
}

/** Records of the builder. An entry is written only after its content is stored. */
export interface BuildLedger {
  /** The cached layers among `keys`, by key. */
  findLayers(keys: readonly string[]): Promise<ReadonlyMap<string, CachedLayer>>;
  /**
   * Records a layer whose blob is durably stored. Keeps an existing entry of the same key, unless that has the blob `lost`,
   * which can no longer be served.
   */
  putLayer(layer: CachedLayer, lost?: Digest): Promise<void>;
  /** The last image built for this name. */
  findBuiltImage(repository: RepositoryName, tag: Tag): Promise<BuiltImage | undefined>;
  /** An image that was built from this lock. */
  findImageByLock(lockDigest: Digest): Promise<BuiltImage | undefined>;

  /**
   * Points the tag at an image whose manifest is stored, and records the image, in one durable transaction.
   *
   * It does so only if the tag points at `replaces`, or does not exist if `replaces` is absent. Otherwise, or if the
   * manifest is gone, it writes nothing and resolves to false.
   */
  publishBuiltImage(image: BuiltImage, replaces: Digest | undefined): Promise<boolean>;
}
