import { randomUUID } from "node:crypto";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import { chunksOf } from "../oci/byte-source.ts";
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
  headers["content-type"] = `multipart/byteranges; boundary=${boundary}`;
  return new Response(streamOf(parts(blobs, blob, ranges, preambles, closing)), {
    status: 206,
    headers,
  });
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
