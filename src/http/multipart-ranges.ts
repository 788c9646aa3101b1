import { randomUUID } from "node:crypto";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import { type ByteBody, chunksOf } from "../oci/byte-source.ts";
import type { LinkedBlobs } from "../registry/linked-blobs.ts";
import { contentRange } from "./byte-ranges.ts";
import { streamOf } from "./stream-of.ts";

/** Several ranges of a blob in one response, in the order asked for (RFC 9110, section 14.6). */
export function multipartRanges(
  blobs: LinkedBlobs,
  blob: BlobDescriptor,
  ranges: readonly ByteRange[],
  headers: Record<string, string>,
): Response {
  const boundary = randomUUID();
  const preambles = ranges.map((range) => partHead(boundary, range, blob.size));
  const closing = `\r\n--${boundary}--\r\n`;
  const partsLength = ranges.reduce(
    (sum, range, i) => sum + (preambles[i]?.length ?? 0) + range.end - range.start,
    0,
  );
  headers["content-type"] = `multipart/byteranges; boundary=${boundary}`;
  headers["content-length"] = String(partsLength + closing.length);
  return new Response(streamOf(parts(blobs, blob, ranges, preambles, closing)), {
    status: 206,
    headers,
  });
}

/**
 * All of a body when a `Range` header must be left aside. A file is sent as a stream here, since the server would
 * apply the header to it by itself.
 */
export function wholeAsStream(body: ByteBody, headers: Record<string, string>): Response {
  return new Response(streamOf(chunksOf(body)), { headers });
}

function partHead(boundary: string, range: ByteRange, size: number): string {
  return `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`;
}

async function* parts(
  blobs: LinkedBlobs,
  blob: BlobDescriptor,
  ranges: readonly ByteRange[],
  preambles: readonly string[],
  closing: string,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const [i, range] of ranges.entries()) {
    yield encoder.encode(preambles[i]);
    yield* chunksOf(await blobs.open(blob, range));
  }
  yield encoder.encode(closing);
}
