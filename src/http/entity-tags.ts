import { RegistryError } from "../oci/registry-error.ts";

/** A validator of stored content (RFC 9110, section 8.8.3). */
export interface EntityTag {
  /** Weak tags (`W/"…"`) never match in a strong comparison (section 8.8.3.2). */
  readonly weak: boolean;
  /** The text between the quotes. */
  readonly opaque: string;
}

/** The value of `If-Match` or `If-None-Match`: entity tags, or `*` for any content. */
export type EntityTags = "*" | readonly EntityTag[];

/** One list element, possibly empty (section 5.6.1), up to the comma or the end. */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(,|$)/y;

/**
 * The entity tags of an `If-Match` or `If-None-Match` header (RFC 9110, sections 13.1.1 and 13.1.2); `undefined` if
 * it is malformed. Tags may contain commas. Takes one linear pass.
 */
export function parseEntityTags(header: string): EntityTags | undefined {
  if (header.trim() === "*") return "*";
  const tags: EntityTag[] = [];
  const element = new RegExp(ELEMENT);
  for (;;) {
    const match = element.exec(header);
    if (match === null) return undefined;
    const [, weak, opaque, end] = match;
    if (opaque !== undefined) tags.push({ weak: weak !== undefined, opaque });
    if (end === "") return tags;
  }
}

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

/** The error for a malformed condition. */
export function malformedCondition(header: string): RegistryError {
  return new RegistryError("request-invalid", `${header} is malformed`, {
    detail: { header, expected: '* or entity tags in double quotes, such as "sha256:…"' },
  });
}
