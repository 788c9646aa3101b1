import { uploadFolder } from "./blob-paths.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { sessionKey, tailKey, tailPrefix, wholeKey } from "./s3-keys.ts";
import { sealUpload, unsealUpload } from "./s3-upload-sealing.ts";
import { readUploadState, type S3UploadState, sizeOf } from "./s3-upload-state.ts";

/**
 * Cuts the upload to `size` bytes.
 *
 * It is cheap if only the tail shrinks, or if nothing is left. Otherwise a part would have to shrink or disappear,
 * which S3 cannot do, so the remaining bytes are copied inside the bucket.
 */
export async function truncateS3Upload(
  bucket: S3Bucket,
  state: S3UploadState,
  size: number,
  partSize: number,
): Promise<S3UploadState> {
  if (state.whole === undefined && size >= sizeOf(state.parts)) return shrinkTail(bucket, state, size);
  if (size === 0) return empty(bucket, state);
  const sealed = state.whole === undefined ? await seal(bucket, state) : state;
  // An old tail would otherwise be used again once the parts end at its offset.
  await deleteObjects(bucket, state, (key) => key.startsWith(tailPrefix(state.id)));
  return unsealUpload(bucket, sealed, partSize, size);
}

async function seal(bucket: S3Bucket, state: S3UploadState): Promise<S3UploadState> {
  await sealUpload(bucket, state);
  const sealed = await readUploadState(bucket, state.id);
  if (sealed?.whole === undefined) throw new Error("the upload disappeared");
  return sealed;
}

async function deleteObjects(
  bucket: S3Bucket,
  { id }: S3UploadState,
  matches: (key: string) => boolean,
): Promise<void> {
  const keys = await Array.fromAsync(bucket.list(`${uploadFolder(id)}/`), ({ key }) => key);
  await Promise.all(keys.filter(matches).map((key) => bucket.delete(key)));
}

async function shrinkTail(bucket: S3Bucket, state: S3UploadState, size: number): Promise<S3UploadState> {
  const { id, parts, tail } = state;
  const start = sizeOf(parts);
  if (tail === undefined || size === start + tail.size) return state;
  const key = tailKey(id, start);
  if (size === start) {
    await bucket.delete(key);
    return { ...state, tail: undefined };
  }
  const found = await bucket.get(key, { start: 0, end: size - start }, tail.etag);
  const bytes = found && new Uint8Array(await new Response(found.body).arrayBuffer());
  if (bytes?.byteLength !== size - start) throw new Error(`${key} has changed`);
  return { ...state, tail: { key, size: bytes.byteLength, etag: await bucket.put(key, bytes) } };
}

async function empty(bucket: S3Bucket, state: S3UploadState): Promise<S3UploadState> {
  const { id, session } = state;
  await deleteObjects(bucket, state, (key) => key !== sessionKey(id));
  if (session !== undefined) {
    await bucket.multiparts.abort(wholeKey(id, session.generation), session.multipartId);
  }
  await bucket.put(sessionKey(id), new Uint8Array(0));
  return { ...state, session: undefined, parts: [], tail: undefined, whole: undefined };
}
