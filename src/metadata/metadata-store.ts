import type { BlobDescriptor } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { Awaitable } from "../oci/awaitable.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";

/** A page of a listing: at most `limit` entries, those after `after` in ascending byte order. */
export interface PageRequest<Key extends string = string> {
  readonly after?: Key;
  readonly limit: number;
}

/** Which repository may reach which blob, and what blobs there are. Digests may be of any algorithm. */
export interface BlobLinks {
  /** The blob that `repository` links under `digest`; nothing else is reachable through a repository. */
  findLinkedBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor | undefined>;

  /**
   * Records content that is durably stored, and links it to the repository under each of its digests, in one
   * durable transaction.
   */
  linkBlob(repository: RepositoryName, blob: BlobDescriptor, digests: readonly Digest[]): Promise<void>;

  /** Removes the repository's links to the blob known by `digest`, under all its digests; false when none. */
  unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean>;

  /** The repositories that link `digest`, in ascending order; where a mount without a source may look. */
  listRepositoriesLinking(
    digest: Digest,
    page: PageRequest<RepositoryName>,
  ): Promise<readonly RepositoryName[]>;
}

/** One blob that a repository no longer links. */
export interface Unlink {
  /** Counts up by one with each unlink, in the order in which they were committed. */
  readonly number: number;
  readonly repository: RepositoryName;
  /** Canonical. */
  readonly digest: Digest;
}

/** The latest removals of blob links, so that whoever remembers links can tell what to forget. */
export interface UnlinkLog {
  /** Number of the latest unlink, 0 before the first. */
  latestUnlink(): Promise<number>;
  /** At most `limit` unlinks after number `after`, in order. Only the latest 10,000 are kept. */
  listUnlinks(after: number, limit: number): Promise<readonly Unlink[]>;
}

/** A manifest as it was pushed. */
export interface StoredManifest {
  /** The digest it is known by: in the algorithm asked for, or the one it was tagged under. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** One thing a manifest names. */
export interface ManifestReference {
  readonly kind: "config" | "layer" | "manifest";
  readonly digest: Digest;
  /** Whether the manifest may be stored although the repository does not hold this. */
  readonly optional: boolean;
}

/** All that is recorded of a manifest when it is pushed. */
export interface NewManifest extends StoredManifest {
  /** Every digest the bytes are to be found by, {@link StoredManifest.digest} among them. */
  readonly digests: readonly Digest[];
  readonly references: readonly ManifestReference[];
  readonly subject?: Digest;
  /** What the referrers listing says of it. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Manifests by repository and reference, and what they refer to. */
export interface ManifestLedger {
  /** The manifest that a tag points at or that a digest names, in one look-up. */
  findManifest(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined>;

  /**
   * Writes manifest, references, referrers entry and, last, the tags, in one durable transaction; that same
   * transaction checks that everything the manifest refers to is linked here.
   *
   * Resolves to the references that are missing: when there is one, nothing was written. Idempotent.
   */
  putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
  ): Promise<readonly ManifestReference[]>;

  /** Removes a manifest, under all its digests, and every tag that points at it; false when there is none. */
  deleteManifest(repository: RepositoryName, digest: Digest): Promise<boolean>;

  /** Removes a tag and leaves its manifest; false when there is none. */
  deleteTag(repository: RepositoryName, tag: Tag): Promise<boolean>;

  /** Descriptors of the manifests whose subject is `subject`, in ascending order of digest. */
  listReferrers(
    repository: RepositoryName,
    subject: Digest,
    filter: { readonly artifactType?: string },
    page: PageRequest<Digest>,
  ): Promise<readonly Descriptor[]>;

  /** A page of tags in ascending byte order; `undefined` when no manifest was ever pushed to the repository. */
  listTags(repository: RepositoryName, page: PageRequest): Promise<readonly Tag[] | undefined>;

  /** A page of the repositories that hold a manifest, in ascending byte order. */
  listRepositories(page: PageRequest): Promise<readonly RepositoryName[]>;
}

/** An upload session as the registry knows it; its bytes are the content driver's. */
export interface UploadRecord {
  readonly id: UploadId;
  readonly repository: RepositoryName;
  readonly startedAt: Date;
}

/** Which upload belongs to which repository. */
export interface UploadLedger {
  /** Records a new upload session; survives a restart of the process at once. */
  addUpload(upload: UploadRecord): Promise<void>;
  /** The session, when it was opened in this very repository. */
  findUpload(repository: RepositoryName, id: UploadId): Promise<UploadRecord | undefined>;
  /** Forgets a session; forgetting what is absent succeeds. */
  removeUpload(id: UploadId): Promise<void>;
  /** Sessions begun before `startedBefore`, at most `limit`. */
  listStaleUploads(startedBefore: Date, limit: number): Promise<readonly UploadRecord[]>;
}

/** A layer that is built and stored. Its presence promises that the blob can be served. */
export interface CachedLayer {
  /** Digest of everything the layer's bytes depend on; made by the builder. */
  readonly key: string;
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed archive (image-spec config.md, "Layer DiffID"). */
  readonly diffId: Digest;
  /** What the builder learned from the layer's packages while it made it, as JSON. */
  readonly facts: string;
}

/** An image that was built for a name: what it was made from, and when that was last found to be so. */
export interface BuiltImage {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly manifestDigest: Digest;
  /** Digest of the lock: everything the image depends on. Equal locks give equal images. */
  readonly lockDigest: Digest;
  readonly resolvedAt: Date;
}

/** What the builder has made. Entries are written only after what they name is stored. */
export interface BuildLedger {
  /** The cached layers among `keys`, by key. */
  findLayers(keys: readonly string[]): Promise<ReadonlyMap<string, CachedLayer>>;
  /** Records a layer whose blob is durably stored; the first entry of a key stays. */
  putLayer(layer: CachedLayer): Promise<void>;
  /** The image last built for this name. */
  findBuiltImage(repository: RepositoryName, tag: Tag): Promise<BuiltImage | undefined>;
  /** Any image built from this lock. */
  findImageByLock(lockDigest: Digest): Promise<BuiltImage | undefined>;

  /**
   * Points the tag at an image whose manifest is stored, and records the image, in one durable transaction.
   *
   * Only when the tag points at `replaces`, or, without it, when there is no such tag: otherwise, and when the
   * manifest is gone, it resolves to false and nothing was written.
   */
  publishBuiltImage(image: BuiltImage, replaces: Digest | undefined): Promise<boolean>;
}

/** All metadata of one registry. */
export interface MetadataStore
  extends BlobLinks,
    UnlinkLog,
    ManifestLedger,
    UploadLedger,
    BuildLedger,
    AsyncDisposable {}
