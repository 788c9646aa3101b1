import type { ByteRange } from "../oci/byte-range.ts";
import { StorageError } from "./content-driver.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { S3_DRIVER } from "./s3-connection.ts";

/** How often in a row a broken read is taken up again without a byte having come. */
const ATTEMPTS = 3;

/** What is read: these bytes of this very object. */
export interface S3ObjectPart {
  readonly key: string;
  readonly etag: string;
  readonly range: ByteRange;
}

/**
 * The bytes of an object from a body that is open already. A connection that breaks is taken up where it broke; a
 * stream that cannot be completed errors, so that it never ends short.
 */
export function objectStream(
  bucket: S3Bucket,
  part: S3ObjectPart,
  body: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  let position = part.range.start;
  let attempts = 0;
  let reader = body.getReader();
  const readOn = async (): Promise<Uint8Array> => {
    for (;;) {
      const cause = await reader.read().then(
        ({ value }) => value ?? new Error("the connection closed early"),
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
      if (!(cause instanceof Error)) return cause;
      attempts += 1;
      if (attempts > ATTEMPTS) throw new StorageError(S3_DRIVER, "read", part.key, cause);
      const found = await bucket.get(part.key, { start: position, end: part.range.end }, part.etag);
      if (found === undefined) throw new StorageError(S3_DRIVER, "read", part.key, cause);
      reader = found.body.getReader();
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await readOn();
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
