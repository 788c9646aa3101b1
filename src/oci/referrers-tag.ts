import { algorithmOf, type Digest, encodedOf } from "./digest.ts";
import type { Tag } from "./reference.ts";

/**
 * The tag under which clients record the referrers of `subject` in registries that have no referrers API
 * (distribution-spec, "Referrers Tag Schema").
 */
export function referrersTag(subject: Digest): Tag {
  const algorithm = algorithmOf(subject).slice(0, 32);
  return `${algorithm}-${encodedOf(subject).slice(0, 64)}` as Tag;
}
