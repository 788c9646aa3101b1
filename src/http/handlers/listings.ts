import type { ByteSource } from "../../bytes/byte-source.ts";
import { parseDigest } from "../../oci/digest.ts";
import { MediaType } from "../../oci/media-types.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { ReferrersPage } from "../../registry/referrers-page.ts";
import { COMMON_HEADERS } from "../common-headers.ts";
import type { Exchange } from "../exchange.ts";
import { jsonResponse } from "../json-response.ts";
import { invalidPageSize, nextPageLink, parsePageQuery, textParameter } from "../pagination.ts";
import { parseQuery } from "../query.ts";
import { streamOf } from "../stream-of.ts";

/** Lists a repository's tags in byte order (distribution-spec end-8a, end-8b). */
export async function listTags(exchange: Exchange, name: RepositoryName): Promise<Response> {
  const { size, after } = parsePageQuery(parseQuery(exchange.query));
  const limit = Math.min(size ?? exchange.limits.tagPageSize, exchange.limits.tagPageSize);
  const { entries, more } = await exchange.registry.listings.tags(name, after, limit);
  const last = entries.at(-1);
  const link =
    more && last !== undefined
      ? nextPageLink(`/v2/${name}/tags/list`, { last, n: String(limit) })
      : undefined;
  return listing({ name, tags: entries }, link);
}

/** Lists the repositories that the caller may pull from, in byte order (Distribution's catalog). */
export async function listCatalog(exchange: Exchange): Promise<Response> {
  const { size, after } = parsePageQuery(parseQuery(exchange.query));
  const most = exchange.limits.catalogPageSize;
  if (size !== undefined && size > most) throw invalidPageSize(size);
  const limit = size ?? Math.min(100, most);
  const { entries, more } = await exchange.registry.listings.repositories(exchange.caller, after, limit);
  const last = entries.at(-1);
  const link =
    more && last !== undefined ? nextPageLink("/v2/_catalog", { last, n: String(limit) }) : undefined;
  return listing({ repositories: entries }, link);
}

/** Lists the manifests that refer to a subject, as an image index (distribution-spec end-12a, end-12b). */
export async function listReferrers(
  exchange: Exchange,
  name: RepositoryName,
  text: string,
): Promise<Response> {
  const subject = parseDigest(text);
  const query = parseQuery(exchange.query);
  const { size, after } = parsePageQuery(query);
  const most = exchange.limits.referrersPageSize;
  const limit = Math.max(1, Math.min(size ?? most, most));
  const artifactType = textParameter(query, "artifactType");
  const from = after === undefined ? undefined : parseDigest(after);
  const { referrers } = exchange.registry;
  const { descriptors, next } = await referrers.list(name, subject, { artifactType, after: from, limit });
  const filter = artifactType === undefined ? {} : { artifactType };
  const path = `/v2/${name}/referrers/${subject}`;
  const headers = new Headers({ ...COMMON_HEADERS, "content-type": MediaType.ociIndex });
  if (next !== undefined)
    headers.set("link", nextPageLink(path, { ...filter, last: next, n: String(limit) }));
  if (artifactType !== undefined) headers.set("oci-filters-applied", "artifactType");
  return new Response(indexOf(descriptors), { headers });
}

const encoder = new TextEncoder();
const INDEX_HEAD = encoder.encode(`{"schemaVersion":2,"mediaType":"${MediaType.ociIndex}","manifests":[`);
const INDEX_TAIL = encoder.encode("]}");

/**
 * An index of descriptors. A long one is sent in pieces; otherwise the server would hold all of it for each slow
 * client.
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

function listing(body: unknown, link: string | undefined): Response {
  return jsonResponse(body, 200, link === undefined ? {} : { link });
}
