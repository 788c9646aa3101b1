import { LRUCache } from "lru-cache";
import type { ByteRange } from "../../bytes/byte-range.ts";
import type { ByteBody } from "../../bytes/byte-source.ts";
import { type Awaitable, whenReady } from "../../concurrency/awaitable.ts";
import type { BlobDescriptor } from "../../content/blob-services.ts";
import { type Digest, parseDigest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import { requireCondition } from "../../oci/write-condition.ts";
import type { LinkedBlobs } from "../../registry/linked-blobs.ts";
import { contentRange, parseRanges } from "../byte-ranges.ts";
import { isNotModified } from "../entity-tags.ts";
import { COMMON_HEADERS, emptyReply, type Reply, type StoredFile } from "../reply.ts";
import { streamOf } from "../stream-of.ts";
import { type Audience, audienceOf, IMMUTABLE } from "./caching.ts";
import { multipartRanges } from "./multipart-ranges.ts";
import type { V2Context } from "./v2-context.ts";
import { writeCondition } from "./write-condition.ts";

/** Serves a blob or ranges of it (distribution-spec end-2). */
export function getBlob(context: V2Context, name: RepositoryName, text: string): Awaitable<Reply> {
  const { request } = context;
  const { blobs } = context.registry;
  const digest = parseDigest(text);
  const asked = { digest, audience: audienceOf(context.registry.access, name) };
  if (isPlainGet(request) && !blobs.canLocate) {
    // Opening shows whether the content exists.
    return whenReady(blobs.findLink(name, digest), (blob) => sendWhole(context, blob, asked));
  }
  return whenReady(blobs.find(name, digest), (blob) => serveBlob(context, blob, asked));
}

/** The digest in a request, and who may cache the answer. */
interface Asked {
  readonly digest: Digest;
  readonly audience: Audience;
}

function isPlainGet({ method, headers }: Request): boolean {
  return (
    method === "GET" && !headers.has("range") && !headers.has("if-none-match") && !headers.has("if-match")
  );
}

function sendWhole(context: V2Context, blob: BlobDescriptor, asked: Asked): Awaitable<Reply> {
  const { blobs } = context.registry;
  return whenReady(blobs.open(blob), (body) => ({
    status: 200,
    headers: preparedHeaders(asked, blob).whole,
    body,
    file: fileOf(blobs, body, blob, blob.size),
  }));
}

/** Less is sent at once, from memory or not, so nothing about the file matters. */
const MIN_FILE_BYTES = 128 * 1024;

/** The stored file behind a body. */
function fileOf(
  blobs: LinkedBlobs,
  body: ByteBody,
  blob: BlobDescriptor,
  sentBytes: number,
): StoredFile | undefined {
  if (sentBytes < MIN_FILE_BYTES || !(body instanceof Blob)) return undefined;
  return { digest: blob.digest, sentBytes, isWhole: () => blobs.holds(blob) };
}

function serveBlob(context: V2Context, blob: BlobDescriptor, asked: Asked): Awaitable<Reply> {
  const { request } = context;
  const { blobs } = context.registry;
  if (isNotModified(request.headers, asked.digest)) {
    return emptyReply(304, blobHeaders(asked));
  }
  // "A server MUST ignore a Range header field received with a request method" other than GET (RFC 9110, section 14.2).
  if (request.method === "HEAD") return emptyReply(200, preparedHeaders(asked, blob).head);
  const range = request.headers.get("range");
  return whenReady(blobs.locate(blob), (location) => {
    if (location !== undefined) return emptyReply(307, { ...COMMON_HEADERS, Location: location });
    if (range !== null) return getRanges(context, blob, asked);
    return sendWhole(context, blob, asked);
  });
}

async function getRanges(context: V2Context, blob: BlobDescriptor, asked: Asked): Promise<Reply> {
  const { blobs } = context.registry;
  const ranges = rangesToServe(context.request.headers, blob, asked.digest);
  const headers = blobHeaders(asked);
  if (ranges === undefined) return await wholeInSpiteOfRange(context, blob, headers);
  const only = ranges.length === 1 ? ranges[0] : undefined;
  if (only === undefined) return multipartRanges(blobs, blob, ranges, headers);
  headers["Content-Length"] = String(only.end - only.start);
  headers["Content-Range"] = contentRange(only, blob.size);
  const body = await blobs.open(blob, only);
  return { status: 206, headers, body, file: fileOf(blobs, body, blob, only.end - only.start) };
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
export async function deleteBlob(context: V2Context, name: RepositoryName, text: string): Promise<Reply> {
  const digest = parseDigest(text);
  const { blobs } = context.registry;
  const condition = writeCondition(context, name);
  if (condition !== undefined) {
    await blobs.findLink(name, digest);
    // A blob never changes, so the result of the check stays true.
    requireCondition(condition, digest, { digest, names: [digest] });
  }
  await blobs.delete(name, digest);
  return emptyReply(202);
}

/**
 * The whole blob, for a request whose `Range` header is ignored.
 *
 * Bun applies the header to whole files on its own, even some malformed ones, but never a list of ranges. So unless
 * the header is a list, send a stream, which has no Content-Length.
 */
async function wholeInSpiteOfRange(
  context: V2Context,
  blob: BlobDescriptor,
  headers: Record<string, string>,
): Promise<Reply> {
  const { request, registry } = context;
  const { blobs } = registry;
  const whole = { start: 0, end: blob.size };
  if (blob.size === 0) return emptyReply(200, headers);
  const isList = request.headers.get("range")?.includes(",");
  const body = isList ? await blobs.open(blob, whole) : streamOf(blobs.read(blob, whole));
  return { status: 200, headers, body, file: fileOf(blobs, body, blob, blob.size) };
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

/** Headers of recently requested blobs, at most about 20 MiB. A digest determines the size too. */
const prepared = {
  public: new LRUCache<Digest, PreparedHeaders>({ max: 8192 }),
  private: new LRUCache<Digest, PreparedHeaders>({ max: 8192 }),
};

function preparedHeaders(asked: Asked, { size }: BlobDescriptor): PreparedHeaders {
  const known = prepared[asked.audience].get(asked.digest);
  if (known !== undefined) return known;
  const headers = blobHeaders(asked);
  const made = {
    whole: new Headers(headers),
    head: new Headers({ ...headers, "Content-Length": String(size) }),
  };
  prepared[asked.audience].set(asked.digest, made);
  return made;
}

function blobHeaders({ digest, audience }: Asked): Record<string, string> {
  return {
    ...COMMON_HEADERS,
    "Accept-Ranges": "bytes",
    "Cache-Control": IMMUTABLE[audience],
    "Content-Disposition": "attachment",
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
  };
}
