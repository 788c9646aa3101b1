import type { S3Bucket } from "./s3-bucket.ts";
import { tailKey, wholeKey } from "./s3-keys.ts";
import { objectStream } from "./s3-object-stream.ts";
import {
  revisionOf,
  type S3Bytes,
  type S3UploadState,
  sizeOf,
  uploadedSize,
  writeSession,
} from "./s3-upload-state.ts";

/**
 * An object with all of the upload's bytes; `undefined` if the upload is empty.
 *
 * It has exactly the parts in `state`. If one of them was overwritten since, the server refuses.
 */
export async function sealUpload(bucket: S3Bucket, state: S3UploadState): Promise<S3Bytes | undefined> {
  const { id, session, parts, tail, whole } = state;
  if (whole !== undefined) return whole;
  if (session === undefined || parts.length === 0) return tail;
  const key = wholeKey(id, session.generation);
  const all: { readonly number: number; readonly etag: string }[] = [...parts];
  if (tail !== undefined) {
    const number = parts.length + 1;
    all.push({ number, etag: await bucket.multiparts.copyPart(key, session.multipartId, number, tail) });
  }
  // Write this first, so that the object's revision is known as soon as it exists.
  await writeSession(bucket, id, { ...session, sealedRevision: revisionOf(state) });
  await bucket.multiparts.complete(key, session.multipartId, all);
  const sealed = await bucket.head(key);
  if (sealed?.size !== uploadedSize(state)) throw new Error("the completed object has the wrong size");
  return sealed;
}

/**
 * Reopens a sealed upload, so that more can be appended: starts a multipart upload with copies of the sealed object,
 * or of its first `size` bytes. This is rare: only a commit that had to read the bytes and then failed leaves a
 * sealed upload.
 */
export async function unsealUpload(
  bucket: S3Bucket,
  state: S3UploadState,
  partSize: number,
  size = state.whole?.size ?? 0,
): Promise<S3UploadState> {
  const { id, session, whole } = state;
  if (session === undefined || whole === undefined) return state;
  const generation = session.generation + 1;
  const key = wholeKey(id, generation);
  const multipartId = await bucket.multiparts.create(key);
  const parts: { readonly number: number; readonly size: number; readonly etag: string }[] = [];
  for (let start = 0; start + partSize <= size; start += partSize) {
    const number = parts.length + 1;
    const range = { start, end: start + partSize };
    const etag = await bucket.multiparts.copyPart(key, multipartId, number, whole, range);
    parts.push({ number, size: partSize, etag });
  }
  const tail = await copyTail(bucket, state, whole, { start: sizeOf(parts), end: size });
  const reopened = { multipartId, generation };
  await writeSession(bucket, id, reopened);
  return { ...state, session: reopened, parts, tail, whole: undefined };
}

/** All bytes of the upload. Parts cannot be read before they form an object, so this seals the upload first. */
export async function* readUploadBytes(bucket: S3Bucket, state: S3UploadState): AsyncGenerator<Uint8Array> {
  const sealed = await sealUpload(bucket, state);
  if (sealed === undefined || sealed.size === 0) return;
  const { key, etag, size } = sealed;
  const found = await bucket.get(key, undefined, etag);
  if (found === undefined) throw new Error("the upload disappeared");
  yield* objectStream(bucket, { key, etag, range: { start: 0, end: size } }, found.body);
}

async function copyTail(
  bucket: S3Bucket,
  { id }: S3UploadState,
  whole: S3Bytes,
  range: { readonly start: number; readonly end: number },
): Promise<S3Bytes | undefined> {
  const size = range.end - range.start;
  if (size === 0) return undefined;
  const found = await bucket.get(whole.key, range, whole.etag);
  const bytes = found && new Uint8Array(await new Response(found.body).arrayBuffer());
  if (bytes?.byteLength !== size) throw new Error("the upload's last bytes cannot be read");
  const key = tailKey(id, range.start);
  return { key, size, etag: await bucket.put(key, bytes) };
}
