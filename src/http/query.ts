import { RegistryError } from "../oci/registry-error.ts";

/**
 * Parses a raw query string. Only parameters in `repeatable` may be given more than once, because a proxy and the
 * registry could each use a different one of two values.
 *
 * @throws {RegistryError} `request-invalid`
 */
export function parseQuery(text: string, repeatable: readonly string[] = []): URLSearchParams {
  const query = new URLSearchParams(text);
  const seen = new Set<string>();
  for (const name of query.keys()) {
    if (seen.has(name) && !repeatable.includes(name)) {
      throw new RegistryError("request-invalid", "a query parameter appears more than once", {
        detail: { parameter: name.slice(0, 64) },
      });
    }
    seen.add(name);
  }
  return query;
}
