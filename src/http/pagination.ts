import { RegistryError } from "../oci/registry-error.ts";

/** What a client asks of a listing. */
export interface PageQuery {
  /** As asked, or `undefined` when the client leaves it to the server. */
  readonly size: number | undefined;
  /** The entry after which the page begins; it need not exist. */
  readonly after: string | undefined;
}

/**
 * The page that `n` and `last` ask for (distribution-spec end-8b). Empty values count as absent.
 *
 * @throws {RegistryError} `page-size-invalid` when `n` is not a whole number of 0 or more, `request-invalid`
 */
export function parsePageQuery(query: URLSearchParams): PageQuery {
  const size = query.get("n") || undefined;
  const after = textParameter(query, "last");
  if (size !== undefined && !/^\d{1,9}$/.test(size)) throw invalidPageSize(size.slice(0, 32));
  return { size: size === undefined ? undefined : Number(size), after };
}

/**
 * The text of a query parameter; an empty one counts as absent.
 *
 * @throws {RegistryError} `request-invalid` for NUL, which no entry of a listing holds and no database takes
 */
export function textParameter(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name) || undefined;
  if (text?.includes("\0")) throw new RegistryError("request-invalid", `${name} holds a NUL`);
  return text;
}

/** The failure of a page size that is no number, or larger than a page may be. */
export function invalidPageSize(size: string | number): RegistryError {
  return new RegistryError("page-size-invalid", "invalid number of results requested", {
    detail: { n: size },
  });
}

/** The `Link` header to the next page (RFC 8288), relative to the registry's own root. */
export function nextPageLink(path: string, parameters: Readonly<Record<string, string>>): string {
  const query = Object.entries(parameters)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join("&");
  return `<${path}?${query}>; rel="next"`;
}
