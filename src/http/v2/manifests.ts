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
import { isNotModified } from "../entity-tags.ts";
import { parseQuery } from "../query.ts";
import { COMMON_HEADERS, emptyReply, type Reply } from "../reply.ts";
import { streamOf } from "../stream-of.ts";
import { type Audience, audienceOf, IMMUTABLE, REVALIDATED } from "./caching.ts";
import { chooseFromList } from "./list-negotiation.ts";
import type { V2Context } from "./v2-context.ts";
import { writeCondition } from "./write-condition.ts";

/** Maximum tags that one push can set besides its reference (distribution-spec end-7b asks for at least 10). */
const MAX_TAGS = 64;

/**
 * Serves a manifest by tag or digest; builds the image first if its name asks for packages (distribution-spec end-3).
 */
export function getManifest(context: V2Context, name: RepositoryName, text: string): Awaitable<Reply> {
  const reference = parseReferenceToRead(text);
  const { pulls } = context;
  if (pulls.mayBuild(name, reference)) context.connection.pause();
  return whenReady(pulls.get(name, reference, imageWaiter(context)), (stored) => {
    const negotiable = stored.mediaType === MediaType.dockerList && !isDigestReference(reference);
    if (!negotiable) return serveManifest(context, name, stored, reference, false);
    return chooseFromList(context, name, stored).then((chosen) =>
      serveManifest(context, name, chosen, reference, true),
    );
  });
}

/** What a build needs to know about the request. Computed only when used, because most pulls build nothing. */
function imageWaiter({ request, caller, connection }: V2Context): ImageWaiter {
  return {
    get callerKey() {
      return callerKey(caller, connection.remoteAddress());
    },
    get signal() {
      return request.signal;
    },
  };
}

/** @param negotiated whether another `Accept` header could have given another manifest */
function serveManifest(
  { request, registry }: V2Context,
  name: RepositoryName,
  manifest: StoredManifest,
  reference: Reference,
  negotiated: boolean,
): Reply {
  const headers = manifestHeaders(manifest, reference, audienceOf(registry.access, name));
  if (negotiated) headers.Vary = "accept";
  if (isNotModified(request.headers, manifest.digest)) {
    return emptyReply(304, headers);
  }
  headers["Content-Type"] = manifest.mediaType;
  if (request.method === "HEAD") {
    headers["Content-Length"] = String(manifest.size);
    return emptyReply(200, headers);
  }
  // Send it in pieces: otherwise the server would hold a copy of a large manifest for each slow client.
  const body = manifest.bytes ?? streamOf(registry.manifests.read(name, manifest));
  return { status: 200, headers, body };
}

/** Stores a manifest and its tags (distribution-spec end-7a, end-7b). */
export async function putManifest(context: V2Context, name: RepositoryName, text: string): Promise<Reply> {
  const reference = parseReference(text);
  const tags = context.query === "" ? [] : parseQuery(context.query, ["tag"]).getAll("tag").map(parseTag);
  if (tags.length > MAX_TAGS) {
    throw new RegistryError("too-many-tags", `a push can set at most ${MAX_TAGS} tags`, {
      detail: { limit: MAX_TAGS },
    });
  }
  const condition = writeCondition(context, name);
  const { request, registry, receiver } = context;
  const contentType = request.headers.get("content-type") ?? undefined;
  using received = await receiver.receive(context);
  const byDigest = isDigestReference(reference);
  const allTags = byDigest ? tags : [reference, ...tags];
  const claimed = byDigest ? reference : undefined;
  const pushed = await registry.manifests.put(name, received.bytes, contentType, allTags, claimed, condition);
  const headers = new Headers({
    ...COMMON_HEADERS,
    Location: `/v2/${name}/manifests/${pushed.digest}`,
    "Docker-Content-Digest": pushed.digest,
  });
  if (pushed.subject !== undefined) headers.set("OCI-Subject", pushed.subject);
  for (const tag of tags) headers.append("OCI-Tag", tag);
  return emptyReply(201, headers);
}

/** Removes a tag, or a manifest and its tags (distribution-spec end-9). */
export async function deleteManifest(context: V2Context, name: RepositoryName, text: string): Promise<Reply> {
  const reference = parseReference(text);
  await context.registry.manifests.delete(name, reference, writeCondition(context, name));
  return emptyReply(202);
}

function manifestHeaders(
  manifest: StoredManifest,
  reference: Reference,
  audience: Audience,
): Record<string, string> {
  const caching = isDigestReference(reference) ? IMMUTABLE : REVALIDATED;
  return {
    ...COMMON_HEADERS,
    "Docker-Content-Digest": manifest.digest,
    ETag: `"${manifest.digest}"`,
    "Cache-Control": caching[audience],
  };
}
