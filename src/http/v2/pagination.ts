import { RegistryError } from "../../oci/registry-error.ts";

/** The page that a client asks for. */
export interface PageQuery {
  /** The requested number, or `undefined` if the client leaves it to the server. */
  readonly size: number | undefined;
  /** The entry after which the page begins; it does not have to exist. */
  readonly after: string | undefined;
}

/**
 * Parses `n` and `last` (distribution-spec end-8b). Empty values count as absent.
 *
 * @throws {RegistryError} `page-size-invalid` if `n` is not a whole number of 0 or more, however large, `request-invalid`
 */
export function parsePageQuery(query: URLSearchParams): PageQuery {
  const size = query.get("n") || undefined;
  const after = textParameter(query, "last");
  if (size !== undefined && !/^\d+$/.test(size)) throw invalidPageSize(size.slice(0, 32));
  return { size: size === undefined ? undefined : Number(size), after };
}

/**
 * The text of a query parameter; an empty one counts as absent.
 *
 * @throws {RegistryError} `request-invalid` for NUL, which no entry contains and databases cannot store
 */
export function textParameter(query: URLSearchParams, name: string): string | undefined {
  const text = query.get(name) || undefined;
  if (text?.includes("\0")) throw new RegistryError("request-invalid", `${name} contains a NUL`);
  return text;
}

/** The error for a page size that is not a number. */
function invalidPageSize(size: string | number): RegistryError {
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
