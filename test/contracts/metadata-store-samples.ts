import type { DigestAlgorithm } from "../../src/bytes/content-hash.ts";
import type { BlobDescriptor } from "../../src/content/blob-services.ts";
import type { UploadId } from "../../src/content/content-driver.ts";
import type { ManifestReference, NewManifest } from "../../src/metadata/ports/manifest-ledger.ts";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { parseTag, type Tag } from "../../src/oci/reference.ts";
import { parseRepositoryName, type RepositoryName } from "../../src/oci/repository-name.ts";

/** Two stores on one empty database, like two instances of the registry. */
export interface MetadataStores {
  readonly store: MetadataStore;
  readonly other: MetadataStore;
}

/** A test that every implementation must pass. */
export interface ContractCase<Subject> {
  readonly name: string;
  readonly run: (subject: Subject) => Promise<void>;
}

/** The repository most cases use. */
export const REPOSITORY: RepositoryName = parseRepositoryName("team/app");
/** A repository that must stay unaffected. */
export const ELSEWHERE: RepositoryName = parseRepositoryName("team/other");

/** A repository name, checked. */
export const repositoryName = (text: string): RepositoryName => parseRepositoryName(text);
/** A tag, checked. */
export const tagName = (text: string): Tag => parseTag(text);
/** An upload id. */
export const uploadId = (text: string): UploadId => text as UploadId;

/** The digest of the sample content for `seed`. */
export function sampleDigest(seed: string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return digestOf(`content ${seed}`, algorithm);
}

/** The sample blob for `seed`. */
export function sampleBlob(seed: string): BlobDescriptor {
  return { digest: sampleDigest(seed), size: 1000 + seed.length };
}

/** Links the sample blob for `seed`; resolves to its digest. */
export async function linkSample(
  store: MetadataStore,
  seed: string,
  repository: RepositoryName = REPOSITORY,
): Promise<Digest> {
  const blob = sampleBlob(seed);
  await store.links.linkBlob(repository, blob, [blob.digest]);
  return blob.digest;
}

/** A required reference. */
export function requires(kind: ManifestReference["kind"], digest: Digest): ManifestReference {
  return { kind, digest, optional: false };
}

/** A sample manifest; refers to nothing by default. */
export function sampleManifest(seed: string, more: Partial<NewManifest> = {}): NewManifest {
  const bytes = new TextEncoder().encode(`{"manifest":"${seed}"}`);
  const digest = digestOf(bytes);
  return { digest, digests: [digest], mediaType: MediaType.ociManifest, bytes, references: [], ...more };
}

/** Pushes {@link sampleManifest} into a repository under tags. */
export async function pushSample(
  store: MetadataStore,
  seed: string,
  tags: readonly string[] = [],
  repository: RepositoryName = REPOSITORY,
): Promise<NewManifest> {
  const manifest = sampleManifest(seed);
  const missing = await store.manifests.putManifest(repository, manifest, tags.map(tagName));
  if (missing.length > 0) throw new Error("a manifest without references lacks references");
  return manifest;
}
