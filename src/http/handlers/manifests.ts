import { type Awaitable, whenReady } from "../../concurrency/awaitable.ts";
import type { StoredManifest } from "../../metadata/ports/manifest-ledger.ts";
import { MediaType } from "../../oci/media-types.ts";
import {
  isDigestReference,
  parseReference,
  parseReferenceToRead,
  parseTag,
  type Reference,
} from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { ImageWaiter } from "../../registry/image-builder.ts";
import { callerKey } from "../caller-key.ts";
import { COMMON_HEADERS } from "../common-headers.ts";
import { isNotModified } from "../conditional.ts";
import type { Exchange } from "../exchange.ts";
import { LargeBodyGate } from "../large-body-gate.ts";
import { chooseFromList } from "../list-negotiation.ts";
import { readManifestBody, SMALL_MANIFEST_BYTES } from "../manifest-body.ts";
import { parseQuery } from "../query.ts";
import { streamOf } from "../stream-of.ts";
import { writeCondition } from "../write-condition.ts";

/** Maximum tags that one push can set besides its reference (distribution-spec end-7b asks for at least 10). */
const MAX_TAGS = 64;

/** Maximum large manifests to receive and parse at a time. Parsing briefly takes about 50 MiB. */
const [receiving, parsing] = [new LargeBodyGate(2), new LargeBodyGate(1)];

/** `Cache-Control` of content under a digest, which never changes. */
export const IMMUTABLE = "public, max-age=31536000, immutable";

/**
 * Serves a manifest by tag or digest; builds the image first if its name asks for packages (distribution-spec end-3).
 */
export function getManifest(exchange: Exchange, name: RepositoryName, text: string): Awaitable<Response> {
  const reference = parseReferenceToRead(text);
  const { pulls } = exchange;
  if (pulls.mayBuild(name, reference)) exchange.idleTimer.pause();
  return whenReady(pulls.get(name, reference, imageWaiter(exchange)), (stored) => {
    const negotiable = stored.mediaType === MediaType.dockerList && !isDigestReference(reference);
    if (!negotiable) return serveManifest(exchange, name, stored, reference, false);
    return chooseFromList(exchange, name, stored).then((chosen) =>
      serveManifest(exchange, name, chosen, reference, true),
    );
  });
}

/** The request as a build sees it. Computes what it needs when it needs it, since most pulls build nothing. */
function imageWaiter({ request, caller, connection }: Exchange): ImageWaiter {
  return {
    get callerKey() {
      return callerKey(caller, connection.remoteAddress());
    },
    get signal() {
      return request.signal;
    },
  };
}

/** `negotiated`: another `Accept` header could have given another manifest. */
function serveManifest(
  { request, registry }: Exchange,
  name: RepositoryName,
  manifest: StoredManifest,
  reference: Reference,
  negotiated: boolean,
): Response {
  const headers = manifestHeaders(manifest, reference);
  if (negotiated) headers.vary = "accept";
  if (isNotModified(request.headers, manifest.digest)) {
    return new Response(null, { status: 304, headers });
  }
  headers["content-type"] = manifest.mediaType;
  if (request.method === "HEAD") {
    headers["content-length"] = String(manifest.size);
    return new Response(null, { headers });
  }
  // In pieces: otherwise the server would hold a copy of a large manifest for each slow client.
  const body = manifest.bytes ?? streamOf(registry.manifests.read(name, manifest));
  return new Response(body as Uint8Array<ArrayBuffer> | ReadableStream, { headers });
}

/** Stores a manifest and its tags (distribution-spec end-7a, end-7b). */
export async function putManifest(exchange: Exchange, name: RepositoryName, text: string): Promise<Response> {
  const reference = parseReference(text);
  const tags = exchange.query === "" ? [] : parseQuery(exchange.query, ["tag"]).getAll("tag").map(parseTag);
  if (tags.length > MAX_TAGS) {
    throw new RegistryError("too-many-tags", `a push can set at most ${MAX_TAGS} tags`, {
      detail: { limit: MAX_TAGS },
    });
  }
  const condition = writeCondition(exchange, name);
  const { request, registry } = exchange;
  const contentType = request.headers.get("content-type") ?? undefined;
  using places = new DisposableStack();
  const bytes = await readManifestBody(exchange, receiving, places);
  if (bytes.byteLength > SMALL_MANIFEST_BYTES) places.use(await parsing.enter(bytes.byteLength));
  const byDigest = isDigestReference(reference);
  const allTags = byDigest ? tags : [reference, ...tags];
  const claimed = byDigest ? reference : undefined;
  const pushed = await registry.manifests.put(name, bytes, contentType, allTags, claimed, condition);
  const headers = new Headers({
    ...COMMON_HEADERS,
    location: `/v2/${name}/manifests/${pushed.digest}`,
    "docker-content-digest": pushed.digest,
  });
  if (pushed.subject !== undefined) headers.set("oci-subject", pushed.subject);
  for (const tag of tags) headers.append("oci-tag", tag);
  return new Response(null, { status: 201, headers });
}

/** Removes a tag, or a manifest and its tags (distribution-spec end-9). */
export async function deleteManifest(
  exchange: Exchange,
  name: RepositoryName,
  text: string,
): Promise<Response> {
  const reference = parseReference(text);
  await exchange.registry.manifests.delete(name, reference, writeCondition(exchange, name));
  return new Response(null, { status: 202, headers: COMMON_HEADERS });
}

function manifestHeaders(manifest: StoredManifest, reference: Reference): Record<string, string> {
  return {
    ...COMMON_HEADERS,
    "docker-content-digest": manifest.digest,
    etag: `"${manifest.digest}"`,
    "cache-control": isDigestReference(reference) ? IMMUTABLE : "no-cache",
  };
}
