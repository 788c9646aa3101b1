import { RegistryError } from "../oci/registry-error.ts";
import { type EntityTag, parseEntityTags } from "./entity-tags.ts";
import { malformedCondition } from "./write-condition.ts";

/**
 * Whether to answer a GET or HEAD with 304. Checks `If-Match` and `If-None-Match` in the order of RFC 9110, section
 * 13.2.2. `opaque` is the entity tag of the content. Conditions on dates are ignored, because the content has no
 * modification date (sections 13.1.3 and 13.1.4).
 *
 * @throws {RegistryError} `precondition-failed` if `If-Match` does not hold; `request-invalid` if it is malformed
 */
export function isNotModified(headers: Headers, opaque: string): boolean {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) requireMatch(ifMatch, opaque);
  const ifNoneMatch = headers.get("if-none-match");
  return ifNoneMatch !== null && namesTag(ifNoneMatch, opaque);
}

function requireMatch(header: string, opaque: string): void {
  const tags = parseEntityTags(header);
  if (tags === "*") return;
  if (tags === undefined || tags.length === 0) throw malformedCondition("If-Match");
  // "The client MUST use the strong comparison" (section 13.1.1).
  if (tags.some((tag) => !tag.weak && tag.opaque === opaque)) return;
  throw new RegistryError("precondition-failed", "If-Match does not hold: the content has another digest", {
    detail: { condition: "If-Match", current: opaque },
  });
}

/** Uses the weak comparison (section 13.1.2). Also accepts a bare digest, which some clients send. */
function namesTag(header: string, opaque: string): boolean {
  const tags: readonly EntityTag[] | "*" | undefined = parseEntityTags(header);
  if (tags === "*") return true;
  if (tags !== undefined) return tags.some((tag) => tag.opaque === opaque);
  return header.split(",").some((part) => part.trim() === opaque);
}
