import type { BlobDescriptor } from "../../content/blob-services.ts";
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
export async function getBlob(exchange: Exchange, name: RepositoryName, text: string): Promise<Response> {
  const digest = parseDigest(text);
  const { request, registry } = exchange;
  const blob = await registry.blobs.stat(name, digest);
  const headers = blobHeaders(digest);
  if (matchesEtag(request.headers.get("if-none-match"), digest)) {
    return new Response(null, { status: 304, headers });
  }
  const rangeHeader = request.headers.get("range");
  if (rangeHeader === null && request.method === "HEAD") {
    headers["content-length"] = String(blob.size);
    return new Response(null, { headers });
  }
  const elsewhere = request.method === "HEAD" ? undefined : registry.blobs.locate(blob);
  const location = elsewhere && (await elsewhere);
  if (location !== undefined)
    return new Response(null, { status: 307, headers: { ...COMMON_HEADERS, location } });
  if (rangeHeader === null) return new Response(await registry.blobs.open(blob), { headers });
  return await getRanges(exchange, blob, digest, headers, rangeHeader);
}

async function getRanges(
  { request, registry }: Exchange,
  blob: BlobDescriptor,
  digest: Digest,
  headers: Record<string, string>,
  rangeHeader: string,
): Promise<Response> {
  const condition = request.headers.get("if-range");
  const ranges =
    condition === null || condition === `"${digest}"` ? parseRanges(rangeHeader, blob.size) : undefined;
  if (request.method === "HEAD") return rangedHead(headers, ranges, blob.size);
  if (ranges === undefined) return await wholeInSpiteOfRange(registry.blobs, blob, headers);
  const only = ranges.length === 1 ? ranges[0] : undefined;
  if (only === undefined) return multipartRanges(registry.blobs, blob, ranges, headers);
  headers["content-length"] = String(only.end - only.start);
  headers["content-range"] = contentRange(only, blob.size);
  return new Response(await registry.blobs.open(blob, only), { status: 206, headers });
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
