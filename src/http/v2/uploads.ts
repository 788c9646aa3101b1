import type { DigestAlgorithm } from "../../bytes/content-hash.ts";
import { isUploadId, type UploadId } from "../../content/content-driver.ts";
import { algorithmOf, type Digest, isDigestAlgorithm, parseDigest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { isRepositoryName, type RepositoryName } from "../../oci/repository-name.ts";
import type { AppendClaim } from "../../registry/append-claim.ts";
import type { UploadStatus } from "../../registry/uploads.ts";
import { uploadRange } from "../error-reply.ts";
import { parseQuery } from "../query.ts";
import { COMMON_HEADERS, emptyReply, type Reply } from "../reply.ts";
import { parseContentRange } from "./content-range.ts";
import type { V2Context } from "./v2-context.ts";

/** Starts an upload, mounts a blob, or receives a whole one (distribution-spec end-4a, end-4b, end-11). */
export async function startUpload(context: V2Context, name: RepositoryName): Promise<Reply> {
  const query = parseQuery(context.query);
  const { registry, caller } = context;
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
    await registry.commits.putWhole(name, context.body.chunks, claimed, algorithmOf(claimed));
    return created(name, claimed);
  }
  return accepted(name, await registry.uploads.start(name, parseAlgorithm(query.get("digest-algorithm"))));
}

/** Returns the size of an upload (distribution-spec end-13). */
export async function getUpload(context: V2Context, name: RepositoryName, id: string): Promise<Reply> {
  const status = await context.registry.uploads.status(name, parseUploadId(id));
  return emptyReply(204, uploadHeaders(name, status));
}

/** Appends a chunk, or a stream of any length (distribution-spec end-5). */
export async function patchUpload(context: V2Context, name: RepositoryName, id: string): Promise<Reply> {
  const { request, body, registry } = context;
  const claim = parseClaim(request.headers);
  return accepted(name, await registry.uploads.append(name, parseUploadId(id), body.chunks, claim));
}

/** Receives the last chunk, if there is one, and finishes the upload (distribution-spec end-6). */
export async function putUpload(context: V2Context, name: RepositoryName, id: string): Promise<Reply> {
  const { request, body, registry, caller } = context;
  const text = closingQuery(context.query).get("digest");
  if (text === null) throw new RegistryError("digest-invalid", "the digest parameter is missing");
  const digest = parseDigest(text);
  const claim = parseClaim(request.headers);
  const source = body.isEmpty ? undefined : body.chunks;
  if (source === undefined) context.connection.pause();
  const mayPull = registry.access.allows(caller, "pull", name);
  await registry.commits.finish(name, parseUploadId(id), { source, digest, claim, mayPull });
  return created(name, digest);
}

/** Cancels an upload and drops its bytes (distribution-spec end-14). */
export async function deleteUpload(context: V2Context, name: RepositoryName, id: string): Promise<Reply> {
  await context.registry.uploads.cancel(name, parseUploadId(id));
  return emptyReply(204);
}

function created(name: RepositoryName, digest: Digest): Reply {
  const headers = {
    ...COMMON_HEADERS,
    Location: `/v2/${name}/blobs/${digest}`,
    "Docker-Content-Digest": digest,
  };
  return emptyReply(201, headers);
}

function accepted(name: RepositoryName, status: UploadStatus): Reply {
  return emptyReply(202, uploadHeaders(name, status));
}

function uploadHeaders(name: RepositoryName, { id, size }: UploadStatus): Record<string, string> {
  return {
    ...COMMON_HEADERS,
    // The query means nothing. Scripts that were written for Distribution append `&digest=`.
    Location: `/v2/${name}/blobs/uploads/${id}?upload`,
    Range: uploadRange(size),
    "Docker-Upload-UUID": id,
  };
}

/**
 * The query of a closing PUT. A `Location` has a query, and some scripts append `?digest=` to it without looking. No
 * parameter of an upload has a question mark in it.
 */
function closingQuery(query: string): URLSearchParams {
  return parseQuery(query.replaceAll("?", "&"));
}

/** An invalid id belongs to no upload. */
function parseUploadId(text: string): UploadId {
  if (isUploadId(text)) return text;
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
