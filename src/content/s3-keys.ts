import { UPLOADS_PREFIX, uploadFolder } from "./blob-paths.ts";
import { isUploadId, type UploadId } from "./content-driver.ts";

/** The session object: an upload exists as long as it does. It says where the parts are; see `s3-upload-state.ts`. */
export function sessionKey(id: UploadId): string {
  return `${uploadFolder(id)}/session`;
}

/** The object with the bytes after the last full part. The first of them is byte `offset` of the upload. */
export function tailKey(id: UploadId, offset: number): string {
  return `${tailPrefix(id)}${offset}`;
}

/** The prefix of the keys of all the upload's tails. */
export function tailPrefix(id: UploadId): string {
  return `${uploadFolder(id)}/tail-`;
}

/** The object that the upload's parts form when it is sealed for the nth time. */
export function wholeKey(id: UploadId, generation: number): string {
  return `${uploadFolder(id)}/whole-${generation}`;
}

/** The upload that an object below {@link UPLOADS_PREFIX} belongs to. */
export function uploadIdOfKey(key: string): UploadId | undefined {
  const id = key.slice(UPLOADS_PREFIX.length + 1).split("/")[0] ?? "";
  return isUploadId(id) ? id : undefined;
}
