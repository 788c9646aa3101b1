import { type Digest, parseDigest } from "./digest.ts";
import { RegistryError } from "./registry-error.ts";

/** A tag, checked: 1 to 128 of letters, digits, `_`, `.` and `-`, the first no `.` or `-`. */
export type Tag = string & { readonly brand: "Tag" };

/** What a manifest is asked for by. Tags hold no colon and digests hold one, so the text alone tells which. */
export type Reference = Tag | Digest;

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Whether `text` is a tag (distribution-spec, "Pulling manifests"). */
export function isTag(text: string): text is Tag {
  return TAG.test(text);
}

/**
 * The tag that `text` spells.
 *
 * @throws {RegistryError} `tag-invalid`
 */
export function parseTag(text: string): Tag {
  if (isTag(text)) return text;
  throw new RegistryError("tag-invalid", "invalid tag", { detail: { tag: excerpt(text) } });
}

/**
 * The tag or digest that `text` spells, of a manifest to store or remove: a digest when it holds a colon.
 *
 * @throws {RegistryError} `tag-invalid`, `digest-invalid`, `digest-unsupported`
 */
export function parseReference(text: string): Reference {
  return text.includes(":") ? parseDigest(text) : parseTag(text);
}

/**
 * The tag or digest that `text` spells, of a manifest to read: a digest when it holds a colon.
 *
 * What can be no tag was never given to a manifest, so to a reader it is a tag that is not there (distribution-spec
 * end-3 has 404 for that, and no status for a malformed one).
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

/** As much of a client's text as its answer repeats. */
function excerpt(text: string): string {
  return text.slice(0, 200);
}
