import { LRUCache } from "lru-cache";
import type { ByteRange } from "../../bytes/byte-range.ts";
import type { ByteBody } from "../../bytes/byte-source.ts";
import { type Awaitable, whenReady } from "../../concurrency/awaitable.ts";
import { LOOP_TURNS } from "../../concurrency/loop-turns.ts";
import type { BlobDescriptor } from "../../content/blob-services.ts";
import { type Digest, parseDigest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import { requireCondition } from "../../oci/write-condition.ts";
import { contentRange, parseRanges } from "../byte-ranges.ts";
import { COMMON_HEADERS } from "../common-headers.ts";
import { isNotModified } from "../conditional.ts";
import type { Exchange } from "../exchange.ts";
import { multipartRanges } from "../multipart-ranges.ts";
import { streamOf } from "../stream-of.ts";
import { writeCondition } from "../write-condition.ts";
import { IMMUTABLE } from "./manifests.ts";

/** Serves a blob or ranges of it (distribution-spec end-2). */
export function getBlob(exchange: Exchange, name: RepositoryName, text: string): Awaitable<Response> {
  const { request } = exchange;
  const { blobs } = exchange.registry;
  const digest = parseDigest(text);
  if (isPlainGet(request) && !blobs.canLocate) {
    // Opening shows whether the content exists.
    return whenReady(blobs.find(name, digest), (blob) => sendWhole(exchange, blob, digest));
  }
  return whenReady(blobs.stat(name, digest), (blob) => serveBlob(exchange, blob, digest));
}

function isPlainGet({ method, headers }: Request): boolean {
  return (
    method === "GET" && !headers.has("range") && !headers.has("if-none-match") && !headers.has("if-match")
  );
}

function sendWhole(exchange: Exchange, blob: BlobDescriptor, digest: Digest): Awaitable<Response> {
  return whenReady(exchange.registry.blobs.open(blob), (body) => {
    accountFor(exchange, body, blob, blob.size);
    return new Response(body, { headers: preparedHeaders(digest, blob).whole });
  });
}

/** Bytes of a file that the system accepts at once. */
const SENT_AT_ONCE_BYTES = 2.5 * 1024 * 1024;
const SENT_BYTES_PER_MS = 4 * 1024 * 1024;

/** Registers that `length` bytes are sent from a blob's file. Sending starts after the handler has returned. */
function accountFor(
  { request, sentFiles }: Exchange,
  body: ByteBody,
  blob: BlobDescriptor,
  length: number,
): void {
  if (!(body instanceof Blob)) return;
  sentFiles.watch(request, blob, length);
  LOOP_TURNS.spend(Math.min(length, SENT_AT_ONCE_BYTES) / SENT_BYTES_PER_MS);
}

function serveBlob(exchange: Exchange, blob: BlobDescriptor, digest: Digest): Awaitable<Response> {
  const { request } = exchange;
  const { blobs } = exchange.registry;
  if (isNotModified(request.headers, digest)) {
    return new Response(null, { status: 304, headers: blobHeaders(digest) });
  }
  // "A server MUST ignore a Range header field received with a request method" other than GET (RFC 9110, section 14.2).
  if (request.method === "HEAD") return new Response(null, { headers: preparedHeaders(digest, blob).head });
  const range = request.headers.get("range");
  return whenReady(blobs.locate(blob), (location) => {
    if (location !== undefined)
      return new Response(null, { status: 307, headers: { ...COMMON_HEADERS, location } });
    if (range !== null) return getRanges(exchange, blob, digest);
    return sendWhole(exchange, blob, digest);
  });
}

async function getRanges(exchange: Exchange, blob: BlobDescriptor, digest: Digest): Promise<Response> {
  const { blobs } = exchange.registry;
  const ranges = rangesToServe(exchange.request.headers, blob, digest);
  const headers = blobHeaders(digest);
  if (ranges === undefined) return await wholeInSpiteOfRange(exchange, blob, headers);
  const only = ranges.length === 1 ? ranges[0] : undefined;
  if (only === undefined) return multipartRanges(blobs, blob, ranges, headers);
  headers["content-length"] = String(only.end - only.start);
  headers["content-range"] = contentRange(only, blob.size);
  const body = await blobs.open(blob, only);
  accountFor(exchange, body, blob, only.end - only.start);
  return new Response(body, { status: 206, headers });
}

/** The ranges that a `Range` header asks for; `undefined` if the whole blob should be sent. */
function rangesToServe(
  request: Headers,
  blob: BlobDescriptor,
  digest: Digest,
): readonly ByteRange[] | undefined {
  const condition = request.get("if-range");
  // Only a strong tag proves that the client's bytes are part of this blob (RFC 9110, section 13.1.5).
  if (condition !== null && condition !== `"${digest}"`) return undefined;
  return parseRanges(request.get("range"), blob.size);
}

/** Unlinks a blob from the repository (distribution-spec end-10). */
export async function deleteBlob(exchange: Exchange, name: RepositoryName, text: string): Promise<Response> {
  const digest = parseDigest(text);
  const { blobs } = exchange.registry;
  const condition = writeCondition(exchange, name);
  if (condition !== undefined) {
    await blobs.find(name, digest);
    // A blob never changes, so the result cannot change later.
    requireCondition(condition, digest, { digest, names: [digest] });
  }
  await blobs.delete(name, digest);
  return new Response(null, { status: 202, headers: COMMON_HEADERS });
}

/**
 * The whole blob, if its `Range` header is ignored.
 *
 * Bun applies the header to whole files on its own, even some malformed ones, but never a list of ranges. So unless
 * the header is a list, send a stream, which has no Content-Length.
 */
async function wholeInSpiteOfRange(
  exchange: Exchange,
  blob: BlobDescriptor,
  headers: Record<string, string>,
): Promise<Response> {
  const { request, registry } = exchange;
  const { blobs } = registry;
  const whole = { start: 0, end: blob.size };
  if (blob.size === 0) return new Response(null, { headers });
  const isList = request.headers.get("range")?.includes(",");
  const body = isList ? await blobs.open(blob, whole) : streamOf(blobs.read(blob, whole));
  accountFor(exchange, body, blob, blob.size);
  return new Response(body, { headers });
}

/**
 * The headers of a response with the whole blob. They are cached, because creating them costs more than the rest of a
 * small response.
 */
interface PreparedHeaders {
  /** For GET, where the length comes from the body. */
  readonly whole: Headers;
  readonly head: Headers;
}

/** Headers of recently requested blobs, at most about 10 MiB. A digest determines the size too. */
const prepared = new LRUCache<Digest, PreparedHeaders>({ max: 8192 });

function preparedHeaders(digest: Digest, { size }: BlobDescriptor): PreparedHeaders {
  const known = prepared.get(digest);
  if (known !== undefined) return known;
  const headers = blobHeaders(digest);
  const made = {
    whole: new Headers(headers),
    head: new Headers({ ...headers, "content-length": String(size) }),
  };
  prepared.set(digest, made);
  return made;
}

function blobHeaders(digest: Digest): Record<string, string> {
  return {
    ...COMMON_HEADERS,
    "accept-ranges": "bytes",
    "cache-control": IMMUTABLE,
    "content-disposition": "attachment",
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    etag: `"${digest}"`,
  };
}
