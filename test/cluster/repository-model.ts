import type { Digest } from "../../src/oci/digest.ts";

/** An image that was pushed and acknowledged. */
export interface PushedImage {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  /** Config and layers. */
  readonly blobs: readonly Digest[];
}

/** What a repository must hold, as far as its only writer was told; nothing in it is in doubt between two calls. */
export class RepositoryModel {
  readonly name: string;
  /** Sizes of blobs that are there, by digest. */
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

  /** Records an acknowledged delete of a manifest, with which its tags go. */
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

  /** Whether a manifest that is there names the blob. */
  isUsed(digest: Digest): boolean {
    return [...this.images.values()].some(({ blobs }) => blobs.includes(digest));
  }
}
