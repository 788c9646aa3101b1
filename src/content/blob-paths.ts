import { algorithmOf, type Digest, encodedOf, isDigest } from "../oci/digest.ts";
import type { UploadId } from "./content-driver.ts";

/** Where every blob lies, relative to a store's root: Distribution's layout, so that its stores can be adopted. */
export const BLOBS_PREFIX = "docker/registry/v2/blobs";

/** Where uploads lie, relative to a store's root: outside of what Distribution reads. */
export const UPLOADS_PREFIX = "uploads";

/** Name of the object that holds a blob's or an upload's bytes, in the folder of its own. */
export const DATA_NAME = "data";

/** The blob's own folder, such as `docker/registry/v2/blobs/sha256/9f/9f86d0…`. */
export function blobFolder(digest: Digest): string {
  const encoded = encodedOf(digest);
  return `${BLOBS_PREFIX}/${algorithmOf(digest)}/${encoded.slice(0, 2)}/${encoded}`;
}

/** The object that holds the blob's bytes. */
export function blobKey(digest: Digest): string {
  return `${blobFolder(digest)}/${DATA_NAME}`;
}

/** The digest whose bytes lie at `key`; `undefined` for a key that {@link blobKey} does not make. */
export function digestOfBlobKey(key: string): Digest | undefined {
  const [algorithm, , encoded] = key.slice(BLOBS_PREFIX.length + 1).split("/");
  const digest = `${algorithm}:${encoded}`;
  return isDigest(digest) && blobKey(digest) === key ? digest : undefined;
}

/** The upload's own folder. */
export function uploadFolder(id: UploadId): string {
  return `${UPLOADS_PREFIX}/${id}`;
}

/** The object that holds the upload's bytes. */
export function uploadKey(id: UploadId): string {
  return `${uploadFolder(id)}/${DATA_NAME}`;
}
