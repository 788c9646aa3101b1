import { RegistryError } from "../oci/registry-error.ts";

/** The character that replaces invalid UTF-8 in a decoded path. */
const REPLACEMENT_CHARACTER = "\ufffd";

/** A host with an optional port (RFC 3986, section 3.2.2), or nothing. */
const HOST = /^[\w.~:[\]%!$&'()*+;=-]*$/;

/**
 * Refuses an invalid `Host` header, or several, which arrive joined by a comma. Proxies and servers
 * could disagree about the host of such a request (RFC 9112, section 3.2).
 *
 * @throws {RegistryError} `request-invalid`
 */
export function requireOneHost(host: string): void {
  if (HOST.test(host)) return;
  throw new RegistryError("request-invalid", "the request must have one Host header with a host and port");
}

/** @throws {RegistryError} `request-invalid` for a decoded path that was not UTF-8 */
export function requireUtf8(path: string): void {
  if (path.includes(REPLACEMENT_CHARACTER))
    throw new RegistryError("request-invalid", "the path is not valid percent-encoded UTF-8");
}

/** The raw query string of a URL. `new URL` costs more than everything else in a small request. */
export function queryOf(url: string): string {
  const mark = url.indexOf("?");
  return mark < 0 ? "" : url.slice(mark + 1);
}

/** The path of a URL. The URL is absolute unless the request has no host. */
export function pathOf(url: string): string {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const mark = url.indexOf("?", start);
  return mark < 0 ? url.slice(start) : url.slice(start, mark);
}
