import { isDigest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { ExpectedDigests, WriteCondition } from "../../oci/write-condition.ts";
import { malformedCondition, parseEntityTags } from "../entity-tags.ts";
import type { V2Context } from "./v2-context.ts";

/**
 * The condition in a write's `If-Match` and `If-None-Match` headers; `undefined` without them.
 *
 * The caller must be allowed to pull, because the failure of a condition reveals what is stored.
 *
 * @throws {RegistryError} `request-invalid` for a malformed header, and what {@link AccessControl.require} throws
 */
export function writeCondition(
  { request: { headers }, registry, caller }: V2Context,
  name: RepositoryName,
): WriteCondition | undefined {
  const ifMatch = headers.get("if-match");
  const ifNoneMatch = headers.get("if-none-match");
  if (ifMatch === null && ifNoneMatch === null) return undefined;
  const condition = {
    // Only strong tags: "the client MUST use the strong comparison" (RFC 9110, section 13.1.1).
    ifMatch: ifMatch === null ? undefined : expectedDigests("If-Match", ifMatch, false),
    ifNoneMatch: ifNoneMatch === null ? undefined : expectedDigests("If-None-Match", ifNoneMatch, true),
  };
  registry.access.require(caller, "pull", name);
  return condition;
}

function expectedDigests(header: string, text: string, takesWeak: boolean): ExpectedDigests {
  const tags = parseEntityTags(text);
  if (tags === "*") return "any";
  if (tags === undefined || tags.length === 0) throw malformedCondition(header);
  // A tag that is not a digest matches nothing.
  return tags
    .filter(({ weak }) => takesWeak || !weak)
    .map(({ opaque }) => opaque)
    .filter(isDigest);
}
