import { UPLOADS_PREFIX, uploadFolder } from "./blob-paths.ts";
import type { UploadId } from "./content-driver.ts";
import { isUploadId } from "./upload-id.ts";

/** The object whose presence is the upload, and which says how its parts are found; see `s3-upload-state.ts`. */
export function sessionKey(id: UploadId): string {
  return `${uploadFolder(id)}/session`;
}

/** The object of the bytes that fall short of a part, the first of which is byte `offset` of the upload. */
export function tailKey(id: UploadId, offset: number): string {
  return `${uploadFolder(id)}/tail-${offset}`;
}

/** The object that the upload's parts become when it is sealed for the nth time. */
export function wholeKey(id: UploadId, generation: number): string {
  return `${uploadFolder(id)}/whole-${generation}`;
}

/** The upload that an object below {@link UPLOADS_PREFIX} belongs to. */
export function uploadIdOfKey(key: string): UploadId | undefined {
  const id = key.slice(UPLOADS_PREFIX.length + 1).split("/")[0] ?? "";
  return isUploadId(id) ? id : undefined;
}
