import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { COMMON_HEADERS, emptyReply } from "./reply.ts";
import type { Call } from "./router.ts";

/**
 * The answer to a method for which a route has no handler of its own: `OPTIONS` names the others (RFC 9110, section
 * 9.3.7). It needs no permission, because browsers ask without credentials; it depends on the route alone.
 *
 * @param handled the methods of the route; `GET` also handles `HEAD`
 * @throws {RegistryError} `method-not-allowed` for another method
 */
export function callWithoutHandler(method: string, handled: readonly string[]): Call {
  const methods = handled.flatMap((known) => (known === "GET" ? ["GET", "HEAD"] : [known]));
  const allow = [...methods, "OPTIONS"].join(", ");
  if (method !== "OPTIONS")
    throw new RegistryError("method-not-allowed", "method not allowed", { detail: { allow } });
  const reply = emptyReply(204, { ...COMMON_HEADERS, Allow: allow });
  return { action: undefined, repository: "" as RepositoryName, handle: () => reply };
}
