import { algorithmOf, type Digest, encodedOf, isDigest } from "../oci/digest.ts";
import type { UploadId } from "./content-driver.ts";

/**
 * Folder of all blobs, relative to a store's root. It is Distribution's layout, so Slipway can take over its stores.
 */
export const BLOBS_PREFIX = "docker/registry/v2/blobs";

/** Folder of uploads, relative to a store's root. Distribution does not read it. */
export const UPLOADS_PREFIX = "uploads";

/** Name of the object with the bytes of a blob or upload, inside its folder. */
export const DATA_NAME = "data";

/** The blob's folder, such as `docker/registry/v2/blobs/sha256/9f/9f86d0…`. */
export function blobFolder(digest: Digest): string {
  const encoded = encodedOf(digest);
  return `${BLOBS_PREFIX}/${algorithmOf(digest)}/${encoded.slice(0, 2)}/${encoded}`;
}

/** The object with the blob's bytes. */
export function blobKey(digest: Digest): string {
  return `${blobFolder(digest)}/${DATA_NAME}`;
}

/** The digest whose bytes are at `key`; `undefined` if {@link blobKey} never returns that key. */
export function digestOfBlobKey(key: string): Digest | undefined {
  const [algorithm, , encoded] = key.slice(BLOBS_PREFIX.length + 1).split("/");
  const digest = `${algorithm}:${encoded}`;
  return isDigest(digest) && blobKey(digest) === key ? digest : undefined;
}

/** The upload's folder. */
export function uploadFolder(id: UploadId): string {
  return `${UPLOADS_PREFIX}/${id}`;
}

/** The object with the upload's bytes. */
export function uploadKey(id: UploadId): string {
  return `${uploadFolder(id)}/${DATA_NAME}`;
}
