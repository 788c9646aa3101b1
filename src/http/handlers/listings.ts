import { parseDigest } from "../../oci/digest.ts";
import { MediaType } from "../../oci/media-types.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { Exchange } from "../exchange.ts";
import { jsonResponse } from "../json-response.ts";
import { invalidPageSize, nextPageLink, parsePageQuery, textParameter } from "../pagination.ts";

/** Lists a repository's tags in byte order (distribution-spec end-8a, end-8b). */
export async function listTags(exchange: Exchange, name: RepositoryName): Promise<Response> {
  const { size, after } = parsePageQuery(new URLSearchParams(exchange.query));
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
  const { size, after } = parsePageQuery(new URLSearchParams(exchange.query));
  const most = exchange.limits.catalogPageSize;
  if (size !== undefined && size > most) throw invalidPageSize(size);
  const limit = size ?? Math.min(100, most);
  const { entries, more } = await exchange.registry.listings.repositories(exchange.caller, after, limit);
  const last = entries.at(-1);
  const link =
    more && last !== undefined ? nextPageLink("/v2/_catalog", { last, n: String(limit) }) : undefined;
  return listing({ repositories: entries }, link);
}

/** Lists the manifests that have a subject, as an image index (distribution-spec end-12a, end-12b). */
export async function listReferrers(
  exchange: Exchange,
  name: RepositoryName,
  text: string,
): Promise<Response> {
  const subject = parseDigest(text);
  const query = new URLSearchParams(exchange.query);
  const { size, after } = parsePageQuery(query);
  const most = exchange.limits.referrersPageSize;
  const limit = Math.max(1, Math.min(size ?? most, most));
  const artifactType = textParameter(query, "artifactType");
  const from = after === undefined ? undefined : parseDigest(after);
  const page = { after: from, limit };
  const { entries, more } = await exchange.registry.referrers.list(name, subject, artifactType, page);
  const last = entries.at(-1)?.digest;
  const filter = artifactType === undefined ? {} : { artifactType };
  const link =
    more && last !== undefined
      ? nextPageLink(`/v2/${name}/referrers/${subject}`, { ...filter, last, n: String(limit) })
      : undefined;
  const response = listing({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: entries }, link);
  response.headers.set("content-type", MediaType.ociIndex);
  if (artifactType !== undefined) response.headers.set("oci-filters-applied", "artifactType");
  return response;
}

function listing(body: unknown, link: string | undefined): Response {
  return jsonResponse(body, 200, link === undefined ? {} : { link });
}
