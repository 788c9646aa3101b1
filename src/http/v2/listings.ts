import type { ByteSource } from "../../bytes/byte-source.ts";
import { parseDigest } from "../../oci/digest.ts";
import { MediaType } from "../../oci/media-types.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import { cursorText, parseCursor } from "../../registry/referrers-cursor.ts";
import type { ReferrersPage } from "../../registry/referrers-page.ts";
import { parseQuery } from "../query.ts";
import { COMMON_HEADERS, jsonReply, type Reply } from "../reply.ts";
import { streamOf } from "../stream-of.ts";
import { nextPageLink, parsePageQuery, textParameter } from "./pagination.ts";
import type { V2Context } from "./v2-context.ts";

/** Lists a repository's tags in byte order (distribution-spec end-8a, end-8b). */
export async function listTags(context: V2Context, name: RepositoryName): Promise<Reply> {
  const { size, after } = parsePageQuery(parseQuery(context.query));
  const limit = Math.min(size ?? context.limits.tagPageSize, context.limits.tagPageSize);
  const { entries, more } = await context.registry.listings.tags(name, after, limit);
  const last = entries.at(-1);
  const link =
    more && last !== undefined
      ? nextPageLink(`/v2/${name}/tags/list`, { last, n: String(limit) })
      : undefined;
  return listing({ name, tags: entries }, link);
}

/** Lists the repositories that the caller may pull from, in byte order (Distribution's catalog). */
export async function listCatalog(context: V2Context): Promise<Reply> {
  const { size, after } = parsePageQuery(parseQuery(context.query));
  const most = context.limits.catalogPageSize;
  const limit = Math.min(size ?? 100, most);
  const { entries, more } = await context.registry.listings.repositories(context.caller, after, limit);
  const last = entries.at(-1);
  const link =
    more && last !== undefined ? nextPageLink("/v2/_catalog", { last, n: String(limit) }) : undefined;
  return listing({ repositories: entries }, link);
}

/**
 * A space in an artifact type. Clients that do not encode `application/spdx+json` mean its plus sign. The names of media
 * types have no spaces; before their parameters there may be one.
 */
const UNENCODED_PLUS = /(?<!;) /g;

/** Lists the manifests that refer to a subject, as an image index (distribution-spec end-12a, end-12b). */
export async function listReferrers(context: V2Context, name: RepositoryName, text: string): Promise<Reply> {
  const subject = parseDigest(text);
  const query = parseQuery(context.query);
  const { size, after } = parsePageQuery(query);
  const most = context.limits.referrersPageSize;
  const limit = Math.max(1, Math.min(size ?? most, most));
  const artifactType = textParameter(query, "artifactType")?.replace(UNENCODED_PLUS, "+");
  const from = after === undefined ? undefined : parseCursor(after);
  const { referrers } = context.registry;
  const { descriptors, next } = await referrers.list(name, subject, { artifactType, after: from, limit });
  const filter = artifactType === undefined ? {} : { artifactType };
  const path = `/v2/${name}/referrers/${subject}`;
  const headers = new Headers({ ...COMMON_HEADERS, "Content-Type": MediaType.ociIndex });
  if (next !== undefined)
    headers.set("Link", nextPageLink(path, { ...filter, last: cursorText(next), n: String(limit) }));
  if (artifactType !== undefined) headers.set("OCI-Filters-Applied", "artifactType");
  return { status: 200, headers, body: indexOf(descriptors) };
}

const encoder = new TextEncoder();
const INDEX_HEAD = encoder.encode(`{"schemaVersion":2,"mediaType":"${MediaType.ociIndex}","manifests":[`);
const INDEX_TAIL = encoder.encode("]}");

/**
 * An index of descriptors. A long one is sent in pieces, because otherwise the server would hold all of it in memory
 * for each slow client.
 */
function indexOf(
  descriptors: ReferrersPage["descriptors"],
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  if (descriptors instanceof Uint8Array) return Buffer.concat([INDEX_HEAD, descriptors, INDEX_TAIL]);
  return streamOf(wrapped(INDEX_HEAD, descriptors(), INDEX_TAIL));
}

async function* wrapped(head: Uint8Array, content: ByteSource, tail: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head;
  yield* content;
  yield tail;
}

function listing(body: unknown, link: string | undefined): Reply {
  return jsonReply(body, 200, link === undefined ? {} : { Link: link });
}
