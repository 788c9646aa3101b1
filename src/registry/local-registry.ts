import type { ByteBody, ByteSource } from "../bytes/byte-source.ts";
import { type Awaitable, whenReady } from "../concurrency/awaitable.ts";
import type { BlobDescriptor, BlobProvider } from "../content/blob-services.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { BlobCommit } from "./blob-commit.ts";
import type { ImageRegistry, ManifestPush, WholeManifest } from "./image-registry.ts";
import { linkNames } from "./linked-blobs.ts";
import type { Manifests } from "./manifests.ts";

/** Stores the builder's images through the registry's own rules. */
export class LocalRegistry implements ImageRegistry {
  readonly #commits: BlobCommit;
  readonly #provider: BlobProvider;
  readonly #links: BlobLinks;
  readonly #manifests: Manifests;

  constructor(commits: BlobCommit, provider: BlobProvider, links: BlobLinks, manifests: Manifests) {
    this.#commits = commits;
    this.#provider = provider;
    this.#links = links;
    this.#manifests = manifests;
  }

  ingest(source: ByteSource): Promise<BlobDescriptor> {
    return this.#commits.ingest(source);
  }

  async holds(blob: BlobDescriptor): Promise<boolean> {
    return this.#provider.holds(blob);
  }

  async findBlob(repository: RepositoryName, digest: Digest): Promise<BlobDescriptor | undefined> {
    return await this.#links.findLinkedBlob(repository, digest);
  }

  async open(blob: BlobDescriptor): Promise<ByteBody> {
    const body = await this.#provider.open(blob);
    if (body === undefined) {
      throw new RegistryError("blob-unknown", "the blob is lost or damaged", {
        detail: { digest: blob.digest },
      });
    }
    return body;
  }

  link(repository: RepositoryName, blobs: readonly BlobDescriptor[]): Promise<void> {
    return this.#links.linkBlobs(
      repository,
      blobs.map((blob) => ({ blob, digests: linkNames(blob, blob.digest) })),
    );
  }

  async pushManifest(repository: RepositoryName, { mediaType, bytes, tags }: ManifestPush): Promise<Digest> {
    const { digest } = await this.#manifests.put(repository, bytes, mediaType, tags);
    return digest;
  }

  findManifest(repository: RepositoryName, reference: Reference): Awaitable<WholeManifest | undefined> {
    return whenReady(this.#manifests.find(repository, reference), (manifest) => {
      if (manifest === undefined) return undefined;
      const { bytes } = manifest;
      if (bytes !== undefined) return { ...manifest, bytes };
      return this.#manifests.bytesOf(repository, manifest).then((all) => ({ ...manifest, bytes: all }));
    });
  }
}
