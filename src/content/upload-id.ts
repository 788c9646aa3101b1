import type { UploadId } from "./content-driver.ts";

const UPLOAD_ID = /^[A-Za-z0-9-]{1,64}$/;

/** Whether `text` may name an upload in every driver; says nothing of whether there is one. */
export function isUploadId(text: string): text is UploadId {
  return UPLOAD_ID.test(text);
}

/** An id that nobody can guess (128 random bits) and that was never given before. */
export function createUploadId(): UploadId {
  return crypto.getRandomValues(new Uint8Array(16)).toHex() as UploadId;
}
