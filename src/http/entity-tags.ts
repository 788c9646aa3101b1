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
