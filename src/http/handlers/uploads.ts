import type { DigestAlgorithm } from "../../bytes/content-hash.ts";
import type { UploadId } from "../../content/content-driver.ts";
import { algorithmOf, type Digest, isDigestAlgorithm, parseDigest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { isRepositoryName, type RepositoryName } from "../../oci/repository-name.ts";
import type { AppendClaim, UploadStatus } from "../../registry/uploads.ts";
import { COMMON_HEADERS } from "../common-headers.ts";
import { parseContentRange } from "../content-range.ts";
import { uploadRange } from "../error-response.ts";
import type { Exchange } from "../exchange.ts";
import { parseQuery } from "../query.ts";

/** Starts an upload, mounts a blob, or receives a whole one (distribution-spec end-4a, end-4b, end-11). */
export async function startUpload(exchange: Exchange, name: RepositoryName): Promise<Response> {
  const query = parseQuery(exchange.query);
  const { registry, caller } = exchange;
  const mount = query.get("mount");
  if (mount !== null) {
    const digest = parseDigest(mount);
    const from = query.get("from");
    // An invalid source is treated like a missing one: the client uploads instead.
    const mounted =
      from === null || isRepositoryName(from)
        ? await registry.blobs.mount(caller, name, digest, from ?? undefined)
        : undefined;
    if (mounted !== undefined) return created(name, digest);
  }
  const digest = query.get("digest");
  if (digest !== null && mount === null) {
    const claimed = parseDigest(digest);
    await registry.uploads.putWhole(name, exchange.body.chunks, claimed, algorithmOf(claimed));
    return created(name, claimed);
  }
  return accepted(name, await registry.uploads.start(name, parseAlgorithm(query.get("digest-algorithm"))));
}

/** Returns the size of an upload (distribution-spec end-13). */
export async function getUpload(exchange: Exchange, name: RepositoryName, id: string): Promise<Response> {
  const status = await exchange.registry.uploads.status(name, parseUploadId(id));
  return new Response(null, { status: 204, headers: uploadHeaders(name, status) });
}

/** Appends a chunk, or a stream of any length (distribution-spec end-5). */
export async function patchUpload(exchange: Exchange, name: RepositoryName, id: string): Promise<Response> {
  const { request, body, registry } = exchange;
  const claim = parseClaim(request.headers);
  return accepted(name, await registry.uploads.append(name, parseUploadId(id), body.chunks, claim));
}

/** Receives the last chunk, if any, and finishes the upload (distribution-spec end-6). */
export async function putUpload(exchange: Exchange, name: RepositoryName, id: string): Promise<Response> {
  const { request, body, registry, caller } = exchange;
  const text = parseQuery(exchange.query).get("digest");
  if (text === null) throw new RegistryError("digest-invalid", "the digest parameter is missing");
  const digest = parseDigest(text);
  const claim = parseClaim(request.headers);
  const source = body.isEmpty ? undefined : body.chunks;
  if (source === undefined) exchange.idleTimer.pause();
  const mayPull = registry.access.allows(caller, "pull", name);
  await registry.uploads.finish(name, parseUploadId(id), { source, digest, claim, mayPull });
  return created(name, digest);
}

/** Cancels an upload and drops its bytes (distribution-spec end-14). */
export async function deleteUpload(exchange: Exchange, name: RepositoryName, id: string): Promise<Response> {
  await exchange.registry.uploads.cancel(name, parseUploadId(id));
  return new Response(null, { status: 204, headers: COMMON_HEADERS });
}

function created(name: RepositoryName, digest: Digest): Response {
  const headers = {
    ...COMMON_HEADERS,
    location: `/v2/${name}/blobs/${digest}`,
    "docker-content-digest": digest,
  };
  return new Response(null, { status: 201, headers });
}

function accepted(name: RepositoryName, status: UploadStatus): Response {
  return new Response(null, { status: 202, headers: uploadHeaders(name, status) });
}

function uploadHeaders(name: RepositoryName, { id, size }: UploadStatus): Record<string, string> {
  return {
    ...COMMON_HEADERS,
    location: `/v2/${name}/blobs/uploads/${id}`,
    range: uploadRange(size),
    "docker-upload-uuid": id,
  };
}

const UPLOAD_ID = /^[A-Za-z0-9-]{1,64}$/;

/** An invalid id belongs to no upload. */
function parseUploadId(text: string): UploadId {
  if (UPLOAD_ID.test(text)) return text as UploadId;
  throw new RegistryError("upload-unknown", "blob upload unknown to registry");
}

function parseAlgorithm(text: string | null): DigestAlgorithm | undefined {
  if (text === null) return undefined;
  if (isDigestAlgorithm(text)) return text;
  throw new RegistryError("digest-unsupported", "digest algorithm is not supported", {
    detail: { algorithm: text.slice(0, 64) },
  });
}

/** What the headers claim about the body. The range and the body must have the same length. */
function parseClaim(headers: Headers): AppendClaim {
  const range = headers.get("content-range");
  if (range === null) return {};
  const claim = parseContentRange(range);
  // If the stated length contradicts the range, do not read the body at all.
  const contentLength = headers.get("content-length");
  if (contentLength !== null && Number(contentLength) !== claim.length) {
    throw new RegistryError("length-mismatch", "Content-Range and Content-Length do not match", {
      detail: { length: claim.length, contentLength: Number(contentLength) },
    });
  }
  return claim;
}
