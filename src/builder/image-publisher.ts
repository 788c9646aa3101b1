import type { BuildLedger, BuiltImage } from "../metadata/ports/build-ledger.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageRegistry } from "../registry/image-registry.ts";
import { assembleArtifact, blobsOf, type ImageDocument, manifestsOf } from "./image-assembly.ts";
import type { ImageLock } from "./image-lock.ts";
import type { StoredImages } from "./stored-images.ts";

/** Information about an image, published as an artifact that refers to it. */
export interface Attachment {
  /** The artifact type, which is also the media type of the content. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** Stores finished images through the same code as a client's push, and moves tags to them. */
export class ImagePublisher {
  readonly #registry: ImageRegistry;
  readonly #ledger: Pick<BuildLedger, "publishBuiltImage" | "findImageByLock">;
  readonly #stored: StoredImages;

  constructor(
    registry: ImageRegistry,
    ledger: Pick<BuildLedger, "publishBuiltImage" | "findImageByLock">,
    stored: StoredImages,
  ) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#stored = stored;
  }

  /** Stores an image's config and links all its blobs to the repository. The layers must be stored already. */
  async storeConfig(
    repository: RepositoryName,
    config: ImageDocument,
    manifest: ImageDocument,
  ): Promise<void> {
    await this.#ingest(config.bytes, config.descriptor);
    await this.#registry.link(repository, blobsOf(manifest.bytes));
  }

  /**
   * Finds an image that was built from the same lock under another name, and links its blobs to `repository`. Resolves
   * to its manifest; `undefined` if there is no such image, or a part of it is lost.
   */
  async linkTwin(repository: RepositoryName, lock: ImageLock): Promise<ImageDocument | undefined> {
    const twin = await this.#ledger.findImageByLock(lock.digest);
    if (twin === undefined) return undefined;
    const stored = await this.#registry.findManifest(twin.repository, twin.manifestDigest);
    if (stored === undefined) return undefined;
    // The images of an index have locks of their own.
    if (manifestsOf(stored.bytes).length > 0) return undefined;
    const blobs = blobsOf(stored.bytes);
    const held = await Promise.all(blobs.map((blob) => this.#registry.holds(blob)));
    if (held.includes(false)) return undefined;
    await this.#registry.link(repository, blobs);
    const { mediaType, bytes } = stored;
    return { bytes, descriptor: { mediaType, digest: twin.manifestDigest, size: bytes.byteLength } };
  }

  /**
   * Pushes a manifest without a tag, and its attachments. Resolves to its digest. Push the images of an index first.
   */
  async push(
    repository: RepositoryName,
    manifest: ImageDocument,
    attachments: readonly Attachment[],
  ): Promise<Digest> {
    const { mediaType } = manifest.descriptor;
    const digest = await this.#registry.pushManifest(repository, {
      mediaType,
      bytes: manifest.bytes,
      tags: [],
    });
    await Promise.all(attachments.map((one) => this.#attach(repository, manifest.descriptor, one)));
    return digest;
  }

  /**
   * Moves the tag from the `previous` image to a pushed one. Resolves to false if a client moved or removed the tag in
   * the meantime; the image then stays without a tag.
   */
  async moveTag(image: BuiltImage, previous: BuiltImage | undefined): Promise<boolean> {
    if (!(await this.#ledger.publishBuiltImage(image, previous?.manifestDigest))) return false;
    this.#stored.notePublished(image);
    return true;
  }

  /** Moves a tag to a pushed manifest, as a client's push does. */
  async tag(repository: RepositoryName, { bytes, descriptor }: ImageDocument, tag: Tag): Promise<void> {
    await this.#registry.pushManifest(repository, { mediaType: descriptor.mediaType, bytes, tags: [tag] });
  }

  async #attach(repository: RepositoryName, subject: Descriptor, { type, bytes }: Attachment): Promise<void> {
    const blob = { digest: digestOf(bytes), size: bytes.byteLength };
    const artifact = assembleArtifact(subject, type, blob);
    await this.#ingest(bytes, blob);
    await this.#ingest(artifact.empty.bytes, artifact.empty.descriptor);
    await this.#registry.link(repository, [blob, artifact.empty.descriptor]);
    await this.#registry.pushManifest(repository, {
      mediaType: MediaType.ociManifest,
      bytes: artifact.manifest.bytes,
      tags: [],
    });
  }

  async #ingest(bytes: Uint8Array, blob: Pick<Descriptor, "digest" | "size">): Promise<void> {
    if (await this.#registry.holds({ digest: blob.digest, size: blob.size })) return;
    const stored = await this.#registry.ingest(once(bytes));
    if (stored.digest !== digestOf(bytes))
      throw new Error("the store computed a different digest for a document");
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
