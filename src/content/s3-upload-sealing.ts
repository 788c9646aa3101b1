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
 * One object that holds all of the upload's bytes; `undefined` when there are none.
 *
 * Made of exactly the parts that `state` names: when one of them was overwritten since, the server refuses.
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
  // Written first, so that nobody finds the object without knowing which revision it is.
  await writeSession(bucket, id, { ...session, sealedRevision: revisionOf(state) });
  await bucket.multiparts.complete(key, session.multipartId, all);
  const sealed = await bucket.head(key);
  if (sealed?.size !== uploadedSize(state)) throw new Error("the parts did not become one object");
  return sealed;
}

/**
 * The upload as parts again, so that more can be appended: a multipart upload that begins with copies of what the
 * last one became. Rare: only a commit that had to read the bytes and then failed leaves a sealed upload.
 */
export async function unsealUpload(
  bucket: S3Bucket,
  state: S3UploadState,
  partSize: number,
): Promise<S3UploadState> {
  const { id, session, whole } = state;
  if (session === undefined || whole === undefined) return state;
  const generation = session.generation + 1;
  const key = wholeKey(id, generation);
  const multipartId = await bucket.multiparts.create(key);
  const parts: { readonly number: number; readonly size: number; readonly etag: string }[] = [];
  for (let start = 0; start + partSize <= whole.size; start += partSize) {
    const number = parts.length + 1;
    const range = { start, end: start + partSize };
    const etag = await bucket.multiparts.copyPart(key, multipartId, number, whole, range);
    parts.push({ number, size: partSize, etag });
  }
  const tail = await copyTail(bucket, state, whole, sizeOf(parts));
  const reopened = { multipartId, generation };
  await writeSession(bucket, id, reopened);
  return { ...state, session: reopened, parts, tail, whole: undefined };
}

/** The upload's bytes, from the first. Parts cannot be read before they are an object: they are made one first. */
export async function* readUploadBytes(bucket: S3Bucket, state: S3UploadState): AsyncGenerator<Uint8Array> {
  const sealed = await sealUpload(bucket, state);
  if (sealed === undefined || sealed.size === 0) return;
  const { key, etag, size } = sealed;
  const found = await bucket.get(key, undefined, etag);
  if (found === undefined) throw new Error("the upload vanished");
  yield* objectStream(bucket, { key, etag, range: { start: 0, end: size } }, found.body);
}

async function copyTail(
  bucket: S3Bucket,
  { id }: S3UploadState,
  whole: S3Bytes,
  start: number,
): Promise<S3Bytes | undefined> {
  if (start === whole.size) return undefined;
  const found = await bucket.get(whole.key, { start, end: whole.size }, whole.etag);
  const bytes = found && new Uint8Array(await new Response(found.body).arrayBuffer());
  if (bytes?.byteLength !== whole.size - start) throw new Error("the upload's last bytes cannot be read");
  const key = tailKey(id, start);
  return { key, size: bytes.byteLength, etag: await bucket.put(key, bytes) };
}
