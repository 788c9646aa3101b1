import type { StoredManifest } from "../../metadata/metadata-store.ts";
import { type Awaitable, whenReady } from "../../oci/awaitable.ts";
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
import { COMMON_HEADERS } from "../common-headers.ts";
import { matchesEtag } from "../conditional.ts";
import type { Exchange } from "../exchange.ts";
import { LargeBodyGate } from "../large-body-gate.ts";
import { chooseFromList } from "../list-negotiation.ts";
import { readManifestBody, SMALL_MANIFEST_BYTES } from "../manifest-body.ts";

/** Tags that one push may give besides its reference (distribution-spec end-7b asks for at least 10). */
const MAX_TAGS = 64;

/** Large manifests that are received at a time, and that are parsed, which takes some 50 MiB for a moment. */
const [receiving, parsing] = [new LargeBodyGate(2), new LargeBodyGate(1)];

/** What content under a digest may be cached for: it never changes. */
export const IMMUTABLE = "public, max-age=31536000, immutable";

/** Serves a manifest by tag or digest, building it first when its name says how (distribution-spec end-3). */
export function getManifest(exchange: Exchange, name: RepositoryName, text: string): Awaitable<Response> {
  const reference = parseReferenceToRead(text);
  const { request, pulls } = exchange;
  if (pulls.mayBuild(name, reference)) exchange.idleTimer.pause();
  return whenReady(
    pulls.get(name, reference, () => request.signal),
    (stored) => {
      const negotiable = stored.mediaType === MediaType.dockerList && !isDigestReference(reference);
      if (!negotiable) return serveManifest(request, stored, reference, false);
      return chooseFromList(exchange, name, stored).then((chosen) =>
        serveManifest(request, chosen, reference, true),
      );
    },
  );
}

/** `negotiated`: another `Accept` header might have got something else. */
function serveManifest(
  request: Request,
  manifest: StoredManifest,
  reference: Reference,
  negotiated: boolean,
): Response {
  const headers = manifestHeaders(manifest, reference);
  if (matchesEtag(request.headers.get("if-none-match"), manifest.digest)) {
    return new Response(null, { status: 304, headers });
  }
  headers["content-type"] = manifest.mediaType;
  if (negotiated) headers.vary = "accept";
  if (request.method !== "HEAD") return new Response(manifest.bytes as Uint8Array<ArrayBuffer>, { headers });
  headers["content-length"] = String(manifest.bytes.byteLength);
  return new Response(null, { headers });
}

/** Stores a manifest and its tags (distribution-spec end-7a, end-7b). */
export async function putManifest(exchange: Exchange, name: RepositoryName, text: string): Promise<Response> {
  const reference = parseReference(text);
  const tags = exchange.query === "" ? [] : new URLSearchParams(exchange.query).getAll("tag").map(parseTag);
  if (tags.length > MAX_TAGS) {
    throw new RegistryError("too-many-tags", `a push gives at most ${MAX_TAGS} tags`, {
      detail: { limit: MAX_TAGS },
    });
  }
  const { request, registry } = exchange;
  const contentType = request.headers.get("content-type") ?? undefined;
  using places = new DisposableStack();
  const bytes = await readManifestBody(exchange, receiving, places);
  if (bytes.byteLength > SMALL_MANIFEST_BYTES) {
    places.use(await parsing.enter());
    // Left to itself, the engine collects what parsing left only when several times as much has gathered.
    places.defer(() => Bun.gc(true));
  }
  const byDigest = isDigestReference(reference);
  const allTags = byDigest ? tags : [reference, ...tags];
  const claimed = byDigest ? reference : undefined;
  const pushed = await registry.manifests.put(name, bytes, contentType, allTags, claimed);
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
  await exchange.registry.manifests.delete(name, parseReference(text));
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
