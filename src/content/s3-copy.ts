import type { S3Bucket, S3Object } from "./s3-bucket.ts";
import type { S3Part } from "./s3-multiparts.ts";

/** Largest object to copy with one request; larger ones are copied in parts, several at a time. */
const SINGLE_COPY_BYTES = 256 << 20;
const MIN_PART_BYTES = 64 << 20;
const MAX_PARTS = 10_000;
const PARALLEL_COPIES = 8;

/** Copies an object of any size inside its bucket. No reader sees a part of the copy. */
export async function copyObject(
  bucket: S3Bucket,
  from: Pick<S3Object, "key" | "size" | "etag">,
  to: string,
): Promise<void> {
  if (from.size <= SINGLE_COPY_BYTES) {
    await bucket.copy(from.key, from.etag, to);
    return;
  }
  const uploadId = await bucket.multiparts.create(to);
  try {
    await bucket.multiparts.complete(to, uploadId, await copyParts(bucket, from, to, uploadId));
  } catch (error) {
    await bucket.multiparts.abort(to, uploadId);
    throw error;
  }
}

async function copyParts(
  bucket: S3Bucket,
  from: Pick<S3Object, "key" | "size" | "etag">,
  to: string,
  uploadId: string,
): Promise<readonly Pick<S3Part, "number" | "etag">[]> {
  const partSize = Math.max(MIN_PART_BYTES, Math.ceil(from.size / MAX_PARTS));
  const parts: Pick<S3Part, "number" | "etag">[] = [];
  const numbers = Array.from({ length: Math.ceil(from.size / partSize) }, (_, index) => index + 1).values();
  const worker = async (): Promise<void> => {
    for (const number of numbers) {
      const start = (number - 1) * partSize;
      const range = { start, end: Math.min(start + partSize, from.size) };
      parts.push({ number, etag: await bucket.multiparts.copyPart(to, uploadId, number, from, range) });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_COPIES }, worker));
  return parts.sort((one, other) => one.number - other.number);
}
