import type { UploadId } from "./content-driver.ts";

const UPLOAD_ID = /^[A-Za-z0-9-]{1,64}$/;

/** Whether `text` is a valid upload id. Does not check whether there is such an upload. */
export function isUploadId(text: string): text is UploadId {
  return UPLOAD_ID.test(text);
}

/** A new id that nobody can guess (128 random bits). */
export function createUploadId(): UploadId {
  return crypto.getRandomValues(new Uint8Array(16)).toHex() as UploadId;
}
