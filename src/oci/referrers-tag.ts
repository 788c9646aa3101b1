import { algorithmOf, type Digest, encodedOf } from "./digest.ts";
import type { Tag } from "./reference.ts";

/**
 * The tag in which clients record the referrers of `subject` if a registry has no referrers API
 * (distribution-spec, "Referrers Tag Schema").
 */
export function referrersTag(subject: Digest): Tag {
  const algorithm = algorithmOf(subject).slice(0, 32);
  return `${algorithm}-${encodedOf(subject).slice(0, 64)}` as Tag;
}
