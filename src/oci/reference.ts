import { type Digest, parseDigest } from "./digest.ts";
import { RegistryError } from "./registry-error.ts";

/** A checked tag: 1 to 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`. */
export type Tag = string & { readonly brand: "Tag" };

/** A tag or a digest. A digest contains a colon and a tag does not, so the text shows which it is. */
export type Reference = Tag | Digest;

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Whether `text` is a tag (distribution-spec, "Pulling manifests"). */
export function isTag(text: string): text is Tag {
  return TAG.test(text);
}

/**
 * Parses a tag.
 *
 * @throws {RegistryError} `tag-invalid`
 */
export function parseTag(text: string): Tag {
  if (isTag(text)) return text;
  throw new RegistryError("tag-invalid", "invalid tag", { detail: { tag: excerpt(text) } });
}

/**
 * Parses the tag or digest of a manifest to store or delete; text with a colon is a digest.
 *
 * @throws {RegistryError} `tag-invalid`, `digest-invalid`, `digest-unsupported`
 */
export function parseReference(text: string): Reference {
  return text.includes(":") ? parseDigest(text) : parseTag(text);
}

/**
 * Parses the tag or digest of a manifest to read; text with a colon is a digest.
 *
 * A malformed tag cannot exist, so a reader gets the answer for an unknown tag (distribution-spec end-3: 404; the
 * specification has no status for a malformed tag).
 *
 * @throws {RegistryError} `manifest-unknown`, `digest-invalid`, `digest-unsupported`
 */
export function parseReferenceToRead(text: string): Reference {
  if (text.includes(":")) return parseDigest(text);
  if (isTag(text)) return text;
  throw new RegistryError("manifest-unknown", "manifest unknown", { detail: { tag: excerpt(text) } });
}

/** Whether a reference is a digest rather than a tag. */
export function isDigestReference(reference: Reference): reference is Digest {
  return reference.includes(":");
}

/** The beginning of a client's text, short enough to repeat in an error. */
function excerpt(text: string): string {
  return text.slice(0, 200);
}
