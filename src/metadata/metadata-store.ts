import type { ByteSource } from "../bytes/byte-source.ts";
import type { Awaitable } from "../concurrency/awaitable.ts";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { UploadId } from "../content/content-driver.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { WriteCondition } from "../oci/write-condition.ts";
import type { PackageIndexLedger } from "./package-index-ledger.ts";
import type { SourceLedger } from "./source-ledger.ts";

/** A page of a listing: at most `limit` entries after `after`, in ascending byte order. */
export interface PageRequest<Key extends string = string> {
  readonly after?: Key;
  readonly limit: number;
}

/** The links from repositories to blobs. Digests may have any algorithm. */
export interface BlobLinks {
  /** The blob that `repository` links under `digest`. */
  findLinkedBlob(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor | undefined>;

  /**
   * Records durably stored content, and links it to the repository under each of its digests, in one durable
   * transaction.
   */
  linkBlob(repository: RepositoryName, blob: BlobDescriptor, digests: readonly Digest[]): Promise<void>;

  /** Removes the repository's links to the blob under all its digests; false if there are none. */
  unlinkBlob(repository: RepositoryName, digest: Digest): Promise<boolean>;

  /** The repositories that link `digest`, in ascending order; for mounts without a source. */
  listRepositoriesLinking(
    digest: Digest,
    page: PageRequest<RepositoryName>,
  ): Promise<readonly RepositoryName[]>;
}

/** The removal of a link from a repository to a blob. */
export interface Unlink {
  /** Increases by one with each unlink, in the order of their commits. */
  readonly number: number;
  readonly repository: RepositoryName;
  /** Canonical. */
  readonly digest: Digest;
}

/** The latest removals of blob links, so that caches know what to forget. */
export interface UnlinkLog {
  /** Number of the latest unlink, 0 before the first. */
  latestUnlink(): Promise<number>;
  /** At most `limit` unlinks after number `after`, in order. Only the latest 10,000 are kept. */
  listUnlinks(after: number, limit: number): Promise<readonly Unlink[]>;
}

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
  /** How many bytes it has. */
  readonly size: number;
  /** Absent for more than {@link WHOLE_MANIFEST_BYTES}; use {@link ManifestLedger.readManifest} then. */
  readonly bytes?: Uint8Array;
}

/** One thing a manifest names. */
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
  readonly subject?: Digest;
  /** Its entry in referrers lists. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An entry of a referrers list. */
export interface Referrer {
  readonly digest: Digest;
  /** Bytes of its descriptor as JSON, including annotations. */
  readonly descriptorBytes: number;
}

/** Manifests by repository and reference, and their references. */
export interface ManifestLedger {
  /** The manifest under a tag or digest, with one look-up. */
  findManifest(repository: RepositoryName, reference: Reference): Awaitable<StoredManifest | undefined>;

  /**
   * The bytes of a manifest in pieces, each read only when it is asked for.
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

  /** The manifests whose subject is `subject`, in ascending order of digest. */
  listReferrers(
    repository: RepositoryName,
    subject: Digest,
    filter: { readonly artifactType?: string },
    page: PageRequest<Digest>,
  ): Promise<readonly Referrer[]>;

  /** The `candidates` that the repository has and that do not name `subject` themselves, in no order. */
  findReferrers(
    repository: RepositoryName,
    subject: Digest,
    filter: { readonly artifactType?: string },
    candidates: readonly Digest[],
  ): Promise<readonly Referrer[]>;

  /**
   * The descriptors of referrers as JSON, separated by commas, in pieces, each read only when it is asked for. Leaves
   * out referrers that were deleted since the list was read; fails if one is deleted while it is read.
   */
  readDescriptors(repository: RepositoryName, referrers: readonly Referrer[]): ByteSource;

  /**
   * A number that changes whenever any process commits a change. Results may be cached while it stays the same.
   * `undefined` if the store cannot tell. Get it before you read.
   */
  epoch(): number | undefined;

  /** A page of tags in ascending byte order; `undefined` if no manifest was ever pushed to the repository. */
  listTags(repository: RepositoryName, page: PageRequest): Promise<readonly Tag[] | undefined>;

  /** A page of the repositories that have a manifest, in ascending byte order. */
  listRepositories(page: PageRequest): Promise<readonly RepositoryName[]>;
}

/** An upload session. Its bytes are in the content driver. */
export interface UploadRecord {
  readonly id: UploadId;
  readonly repository: RepositoryName;
  readonly startedAt: Date;
}

/** An upload session that became a blob. */
export interface FinishedUpload {
  readonly id: UploadId;
  readonly repository: RepositoryName;
  readonly blob: BlobDescriptor;
  /** The digests under which the repository links the blob. */
  readonly digests: readonly Digest[];
}

/** Which upload belongs to which repository. */
export interface UploadLedger {
  /** Records a new upload session, which survives a restart of the process. */
  addUpload(upload: UploadRecord): Promise<void>;
  /** The session, if it was opened in this repository. */
  findUpload(repository: RepositoryName, id: UploadId): Promise<UploadRecord | undefined>;
  /** Removes a session; false if there is none. */
  removeUpload(id: UploadId): Promise<boolean>;

  /**
   * Removes a session and links the blob like {@link BlobLinks.linkBlob}, in one durable transaction; false, and
   * nothing is linked, if the repository has no such session. So of a finish and a removal exactly one succeeds.
   */
  finishUpload(upload: FinishedUpload): Promise<boolean>;

  /** At most `limit` sessions that started before `startedBefore`. */
  listStaleUploads(startedBefore: Date, limit: number): Promise<readonly UploadRecord[]>;
}

/** What the metadata knows of content, to find content that is not in use. */
export interface ContentLedger {
  /** The `digests`, which must be canonical, that are recorded as blobs. */
  findBlobs(digests: readonly Digest[]): Promise<ReadonlySet<Digest>>;
  /** The `ids` that have a session. */
  findUploads(ids: readonly UploadId[]): Promise<ReadonlySet<UploadId>>;
  /** The number of sessions that started before `startedBefore`. */
  countUploads(startedBefore: Date): Promise<number>;
}

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
  /** Records a layer whose blob is durably stored. The first entry of a key stays. */
  putLayer(layer: CachedLayer): Promise<void>;
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

/** All metadata of one registry. */
export interface MetadataStore
  extends BlobLinks,
    UnlinkLog,
    ManifestLedger,
    UploadLedger,
    ContentLedger,
    BuildLedger,
    SourceLedger,
    PackageIndexLedger,
    AsyncDisposable {
  /** Whether any repository links a blob. */
  linksBlobs(): Promise<boolean>;
}
