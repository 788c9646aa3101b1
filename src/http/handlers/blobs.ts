import { LRUCache } from "lru-cache";
import type { BlobDescriptor } from "../../content/blob-services.ts";
import { type Awaitable, whenReady } from "../../oci/awaitable.ts";
import type { ByteRange } from "../../oci/byte-range.ts";
import { type Digest, parseDigest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { LinkedBlobs } from "../../registry/linked-blobs.ts";
import { contentRange, parseRanges } from "../byte-ranges.ts";
import { COMMON_HEADERS } from "../common-headers.ts";
import { matchesEtag } from "../conditional.ts";
import type { Exchange } from "../exchange.ts";
import { multipartRanges } from "../multipart-ranges.ts";
import { IMMUTABLE } from "./manifests.ts";

/** Serves a blob, whole or in ranges (distribution-spec end-2). */
export function getBlob(
  { request, registry: { blobs } }: Exchange,
  name: RepositoryName,
  text: string,
): Awaitable<Response> {
  const digest = parseDigest(text);
  return whenReady(blobs.stat(name, digest), (blob) => serveBlob(request, blobs, blob, digest));
}

function serveBlob(
  request: Request,
  blobs: LinkedBlobs,
  blob: BlobDescriptor,
  digest: Digest,
): Awaitable<Response> {
  const condition = request.headers.get("if-none-match");
  const range = request.headers.get("range");
  if (matchesEtag(condition, digest)) {
    return new Response(null, { status: 304, headers: blobHeaders(digest) });
  }
  if (request.method === "HEAD") {
    if (range === null) return new Response(null, { headers: preparedHeaders(digest, blob).head });
    return rangedHead(blobHeaders(digest), rangesToServe(request, blob, digest, range), blob.size);
  }
  return whenReady(blobs.locate(blob), (location) => {
    if (location !== undefined)
      return new Response(null, { status: 307, headers: { ...COMMON_HEADERS, location } });
    if (range !== null)
      return getRanges(blobs, blob, blobHeaders(digest), rangesToServe(request, blob, digest, range));
    return whenReady(
      blobs.open(blob),
      (body) => new Response(body, { headers: preparedHeaders(digest, blob).whole }),
    );
  });
}

async function getRanges(
  blobs: LinkedBlobs,
  blob: BlobDescriptor,
  headers: Record<string, string>,
  ranges: readonly ByteRange[] | undefined,
): Promise<Response> {
  if (ranges === undefined) return await wholeInSpiteOfRange(blobs, blob, headers);
  const only = ranges.length === 1 ? ranges[0] : undefined;
  if (only === undefined) return multipartRanges(blobs, blob, ranges, headers);
  headers["content-length"] = String(only.end - only.start);
  headers["content-range"] = contentRange(only, blob.size);
  return new Response(await blobs.open(blob, only), { status: 206, headers });
}

/** What a `Range` header asks for; `undefined` when all of the blob is to be sent in spite of it. */
function rangesToServe(
  request: Request,
  blob: BlobDescriptor,
  digest: Digest,
  range: string,
): ReturnType<typeof parseRanges> {
  const condition = request.headers.get("if-range");
  return condition === null || condition === `"${digest}"` ? parseRanges(range, blob.size) : undefined;
}

/** Unlinks a blob from the repository (distribution-spec end-10). */
export async function deleteBlob(exchange: Exchange, name: RepositoryName, text: string): Promise<Response> {
  await exchange.registry.blobs.delete(name, parseDigest(text));
  return new Response(null, { status: 202, headers: COMMON_HEADERS });
}

/** All of a blob when a `Range` header is left aside: as a slice, since the server applies the header to whole files. */
async function wholeInSpiteOfRange(
  blobs: LinkedBlobs,
  blob: BlobDescriptor,
  headers: Record<string, string>,
): Promise<Response> {
  const body = blob.size === 0 ? null : await blobs.open(blob, { start: 0, end: blob.size });
  return new Response(body, { headers });
}

function rangedHead(
  headers: Record<string, string>,
  ranges: ReturnType<typeof parseRanges>,
  size: number,
): Response {
  const only = ranges?.length === 1 ? ranges[0] : undefined;
  const length = only === undefined ? size : only.end - only.start;
  headers["content-length"] = String(length);
  if (only === undefined) return new Response(null, { headers });
  headers["content-range"] = contentRange(only, size);
  return new Response(null, { status: 206, headers });
}

/** The headers of a blob's whole answers, made once: making them costs more than all the rest of a small answer. */
interface PreparedHeaders {
  /** For GET, where the body tells the length. */
  readonly whole: Headers;
  readonly head: Headers;
}

/** Those of the blobs asked for lately, some 10 MiB of them at most. A digest tells the size as well. */
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
