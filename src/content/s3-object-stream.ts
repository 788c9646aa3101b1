import type { ByteRange } from "../bytes/byte-range.ts";
import { StorageError } from "./content-driver.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { S3_DRIVER } from "./s3-connection.ts";

/** Maximum failures in a row, without a byte received, before a read gives up. */
const ATTEMPTS = 3;

/** The bytes to read, and the version of the object. */
export interface S3ObjectPart {
  readonly key: string;
  readonly etag: string;
  readonly range: ByteRange;
}

/**
 * The bytes of an object from an open body. If the connection breaks, the read continues where it stopped. If it cannot
 * be completed, the stream fails, so it never ends early.
 */
export function objectStream(
  bucket: S3Bucket,
  part: S3ObjectPart,
  body: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  let position = part.range.start;
  let attempts = 0;
  let reader = body.getReader();
  const readNext = async (): Promise<Uint8Array> => {
    for (;;) {
      const chunkOrError = await reader.read().then(
        ({ value }) => value ?? new Error("the connection closed early"),
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
      if (!(chunkOrError instanceof Error)) return chunkOrError;
      attempts += 1;
      if (attempts > ATTEMPTS)
        throw new StorageError(S3_DRIVER, "read", part.key, chunkOrError, "unreachable");
      const found = await bucket.get(part.key, { start: position, end: part.range.end }, part.etag);
      if (found === undefined) throw new StorageError(S3_DRIVER, "read", part.key, chunkOrError);
      reader = found.body.getReader();
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await readNext();
        attempts = 0;
        position += chunk.byteLength;
        if (position > part.range.end) throw new StorageError(S3_DRIVER, "read", part.key, "too many bytes");
        controller.enqueue(chunk);
        if (position < part.range.end) return;
        controller.close();
        await reader.cancel();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
