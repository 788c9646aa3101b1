import { holdsPrivateKey, SEARCHED_KEY_BYTES } from "./private-key.ts";
import type { Rewrite } from "./rewrite.ts";
import { linksToDroppedCertificate, NORMALISE_RULES } from "./table.ts";

/** An entry of what a stage changed, before its content is read. */
export interface ChangedEntry {
  /** Path without a leading slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "link" | "character-device" | "block-device" | "fifo";
  /** Of the content. */
  readonly sizeBytes: number;
  /** The target of a symbolic link. */
  readonly linkTarget?: string | undefined;
}

/** What to do with an entry; known before its content is read. */
export type Treatment =
  /** Ship it as it is. */
  | { readonly kind: "keep" }
  /** Do not ship it. */
  | { readonly kind: "drop"; readonly reason: string }
  /** Ship an empty file, with this mode if there is one. */
  | { readonly kind: "empty"; readonly mode?: number; readonly reason: string }
  /** Read it whole, and ship what `rewrite` makes of it. It has at most {@link MAX_REWRITTEN_BYTES}. */
  | { readonly kind: "rewrite"; readonly rewrite: Rewrite; readonly reason: string }
  /** Read its first `beginBytes` (or all, if it has less); drop it if `isDropped`, else ship it as a stream. */
  | {
      readonly kind: "inspect";
      readonly beginBytes: number;
      readonly isDropped: (begin: Uint8Array) => boolean;
      readonly reason: string;
    };

/** Files above this size are not rewritten. */
export const MAX_REWRITTEN_BYTES: number = 64 << 20;

/** What to do with an entry of a stage's outcome, so that it depends on the packages alone and has no secrets. */
export function treatmentOf({ path, type, sizeBytes, linkTarget }: ChangedEntry): Treatment {
  if (type === "symlink" && linkTarget !== undefined && linksToDroppedCertificate(path, linkTarget)) {
    return { kind: "drop", reason: "links to a certificate that is not shipped" };
  }
  const rule = NORMALISE_RULES.find(({ pattern }) => pattern.test(path));
  if (rule?.action.kind === "drop") return { kind: "drop", reason: rule.reason };
  // A hard link's content is that of the path it names, which has its own treatment.
  if (type !== "file" || rule?.action.kind === "keep") return { kind: "keep" };
  if (rule?.action.kind === "empty") return { ...rule.action, reason: rule.reason };
  if (rule?.action.kind === "rewrite" && sizeBytes <= MAX_REWRITTEN_BYTES) {
    return { kind: "rewrite", rewrite: withoutKeys(rule.action.rewrite), reason: rule.reason };
  }
  return {
    kind: "inspect",
    beginBytes: Math.min(sizeBytes, SEARCHED_KEY_BYTES),
    isDropped: holdsPrivateKey,
    reason: "holds a private key",
  };
}

function withoutKeys(rewrite: Rewrite): Rewrite {
  return (path, bytes, context) => {
    const made = rewrite(path, bytes, context);
    return made === "unchanged" && holdsPrivateKey(bytes) ? "drop" : made;
  };
}
