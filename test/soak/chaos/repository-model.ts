import type { Digest } from "../../../src/oci/digest.ts";

/** An image that was pushed and acknowledged. */
export interface PushedImage {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  /** Config and layers. */
  readonly blobs: readonly Digest[];
}

/** The expected content of a repository, known to its only writer. It is exact between two calls. */
export class RepositoryModel {
  readonly name: string;
  /** Sizes of the existing blobs, by digest. */
  readonly blobs = new Map<Digest, number>();
  readonly images = new Map<Digest, PushedImage>();
  readonly tags = new Map<string, Digest>();
  readonly goneBlobs = new Set<Digest>();
  /** Blobs whose delete was sent, acknowledged or not. */
  readonly doomedBlobs = new Set<Digest>();
  readonly goneImages = new Set<Digest>();
  readonly goneTags = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  /** Records an acknowledged push of a manifest under a tag. */
  tagImage(image: PushedImage, tag: string): void {
    this.images.set(image.digest, image);
    this.tags.set(tag, image.digest);
    this.goneTags.delete(tag);
    this.goneImages.delete(image.digest);
  }

  /** Records an acknowledged delete of a tag. */
  removeTag(tag: string): void {
    this.tags.delete(tag);
    this.goneTags.add(tag);
  }

  /** Records an acknowledged delete of a manifest, which also deletes its tags. */
  removeImage(digest: Digest): void {
    this.images.delete(digest);
    this.goneImages.add(digest);
    for (const [tag, tagged] of [...this.tags]) if (tagged === digest) this.removeTag(tag);
  }

  /** Records an acknowledged delete of a blob. */
  removeBlob(digest: Digest): void {
    this.blobs.delete(digest);
    this.goneBlobs.add(digest);
  }

  /** Whether an existing manifest names the blob. */
  isUsed(digest: Digest): boolean {
    return [...this.images.values()].some(({ blobs }) => blobs.includes(digest));
  }
}
