import type { Condition, Rewrite } from "./rewrite.ts";
import { NORMALISE_RULES } from "./table.ts";

/** An entry of what a stage changed, before its content is read. */
export interface ChangedEntry {
  /** Path without a leading slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "link" | "character-device" | "block-device" | "fifo";
  /** Of the content. */
  readonly sizeBytes: number;
}

/** What to do with an entry; known before its content is read. */
export type Treatment =
  /** Ship it as it is. */
  | { readonly kind: "keep" }
  /** Read it whole, and ship it as it is unless `unless` is true. It has at most {@link MAX_REWRITTEN_BYTES}. */
  | { readonly kind: "keep-unless"; readonly unless: Condition }
  /** Do not ship it. */
  | { readonly kind: "drop"; readonly reason: string }
  /** Ship an empty file, with this mode if there is one. */
  | { readonly kind: "empty"; readonly mode?: number; readonly reason: string }
  /** Read it whole, and ship what `rewrite` makes of it. It has at most {@link MAX_REWRITTEN_BYTES}. */
  | { readonly kind: "rewrite"; readonly rewrite: Rewrite; readonly reason: string }
  /** Ship it as it is, if it is no key: no rule says what it is. */
  | { readonly kind: "search" };

/** The content of files above this size is not looked at, nor rewritten. */
export const MAX_REWRITTEN_BYTES: number = 64 << 20;

/** What to do with an entry of a stage's outcome, so that it depends on the packages alone and has no secrets. */
export function treatmentOf({ path, type, sizeBytes }: ChangedEntry): Treatment {
  const rule = NORMALISE_RULES.find(({ pattern }) => pattern.test(path));
  if (rule?.action.kind === "drop") return { kind: "drop", reason: rule.reason };
  // A hard link's content is that of the path it names, which has its own treatment.
  if (type !== "file" || rule?.action.kind === "keep") return { kind: "keep" };
  if (rule?.action.kind === "keep-unless")
    return sizeBytes <= MAX_REWRITTEN_BYTES ? rule.action : { kind: "keep" };
  if (rule?.action.kind === "empty") return { ...rule.action, reason: rule.reason };
  if (rule?.action.kind === "rewrite" && sizeBytes <= MAX_REWRITTEN_BYTES) {
    return { kind: "rewrite", rewrite: rule.action.rewrite, reason: rule.reason };
  }
  return { kind: "search" };
}
