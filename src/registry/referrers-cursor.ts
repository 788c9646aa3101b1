import type { ReferrerPlace } from "../metadata/ports/referrer-ledger.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";

/**
 * The entry of a referrers list after which a page begins: one that names the subject itself, by its place, or one of
 * the fallback tag, by its digest. The latter come after all of the former.
 */
export type ReferrersCursor =
  | { readonly own: ReferrerPlace; readonly recorded?: undefined }
  | { readonly recorded: Digest; readonly own?: undefined };

const PLACE = /^(\d{1,15})-(.*)$/s;

/** The text of a cursor, as in a link to the next page. */
export function cursorText({ own, recorded }: ReferrersCursor): string {
  return recorded ?? `${own.listedAt}-${own.digest}`;
}

/** Reads a cursor. @throws {RegistryError} `digest-invalid`, `digest-unsupported` */
export function parseCursor(text: string): ReferrersCursor {
  const [, listedAt, digest] = PLACE.exec(text) ?? [];
  if (listedAt === undefined || digest === undefined) return { recorded: parseDigest(text) };
  return { own: { listedAt: Number(listedAt), digest: parseDigest(digest) } };
}
