import { randomUUID } from "node:crypto";
import type { ByteRange } from "../../bytes/byte-range.ts";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { PIECE_BYTES, PieceBuffer } from "../../bytes/piece-buffer.ts";
import type { BlobDescriptor } from "../../content/blob-services.ts";
import type { LinkedBlobs } from "../../registry/linked-blobs.ts";
import { contentRange } from "../byte-ranges.ts";
import type { Reply } from "../reply.ts";
import { streamOf } from "../stream-of.ts";

/**
 * Two ranges with a smaller gap, in bytes, are read together: opening a file again costs more than reading the gap.
 */
const MAX_GAP = PIECE_BYTES;

/** One part of the answer: a range and its header lines. */
interface Part {
  readonly range: ByteRange;
  readonly preamble: Uint8Array;
}

/** Parts that are close together, so that one read serves all of them. */
interface Span {
  readonly parts: [Part, ...Part[]];
  end: number;
}

/**
 * Several ranges of a blob in one response, in the requested order (RFC 9110, section 14.6).
 *
 * Reads small pieces of the blob, only as fast as the client reads the response.
 */
export function multipartRanges(
  blobs: LinkedBlobs,
  blob: BlobDescriptor,
  ranges: readonly ByteRange[],
  headers: Record<string, string>,
): Reply {
  const boundary = randomUUID();
  const encoder = new TextEncoder();
  const parts = ranges.map((range) => ({
    range,
    preamble: encoder.encode(partHead(boundary, range, blob.size)),
  }));
  const closing = encoder.encode(`\r\n--${boundary}--\r\n`);
  headers["Content-Type"] = `multipart/byteranges; boundary=${boundary}`;
  return { status: 206, headers, body: streamOf(gathered(answer(blobs, blob, parts, closing))) };
}

function partHead(boundary: string, range: ByteRange, size: number): string {
  return `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`;
}

async function* answer(
  blobs: LinkedBlobs,
  blob: BlobDescriptor,
  parts: readonly Part[],
  closing: Uint8Array,
): AsyncGenerator<Uint8Array> {
  for (const span of spansOf(parts)) {
    const read = { start: span.parts[0].range.start, end: span.end };
    yield* cut(blobs.read(blob, read), read.start, span.parts);
  }
  yield closing;
}

function spansOf(parts: readonly Part[]): readonly Span[] {
  const spans: Span[] = [];
  for (const part of parts) {
    const span = spans.at(-1);
    const gap = span === undefined ? undefined : part.range.start - span.end;
    if (span === undefined || gap === undefined || gap < 0 || gap > MAX_GAP) {
      spans.push({ parts: [part], end: part.range.end });
    } else {
      span.parts.push(part);
      span.end = part.range.end;
    }
  }
  return spans;
}

/** Cuts the parts, in ascending order, out of the content from `position` on. */
async function* cut(
  pieces: ByteSource,
  position: number,
  parts: readonly Part[],
): AsyncGenerator<Uint8Array> {
  let next = 0;
  for await (const piece of pieces) {
    const pieceEnd = position + piece.byteLength;
    for (let part = parts[next]; part !== undefined && part.range.start < pieceEnd; part = parts[next]) {
      const { start, end } = part.range;
      if (start >= position) yield part.preamble;
      yield piece.subarray(Math.max(0, start - position), Math.min(piece.byteLength, end - position));
      if (end > pieceEnd) break;
      next += 1;
    }
    position = pieceEnd;
  }
}

/**
 * Gathers small chunks, so that a thousand short parts do not need a thousand writes. Each chunk is valid until the
 * next one.
 */
async function* gathered(chunks: ByteSource): AsyncGenerator<Uint8Array> {
  using buffer = new PieceBuffer();
  const { bytes } = buffer;
  let filled = 0;
  for await (const chunk of chunks) {
    const isLarge = chunk.byteLength > PIECE_BYTES / 2;
    if (filled > 0 && (isLarge || filled + chunk.byteLength > PIECE_BYTES)) {
      yield bytes.subarray(0, filled);
      filled = 0;
    }
    if (isLarge) yield chunk;
    else bytes.set(chunk, filled);
    filled += isLarge ? 0 : chunk.byteLength;
  }
  if (filled > 0) yield bytes.subarray(0, filled);
}
