import { posix } from "node:path";
import { rewriteBerkeleyDatabase } from "./berkeley-database.ts";
import { rewriteCompressorManifest } from "./compressor-manifest.ts";
import { rewriteDates } from "./dates.ts";
import { rewriteDocBase } from "./doc-base.ts";
import { DROPPED } from "./dropped.ts";
import { rewriteFileDatabase } from "./file-database.ts";
import { rewriteFontCache } from "./font-cache.ts";
import { rewriteInfoDirectory } from "./info-directory.ts";
import { rewriteJavaKeystore } from "./java-keystore.ts";
import { isOfMadeSource } from "./python-cache.ts";
import type { Condition, Rewrite } from "./rewrite.ts";
import { rewriteShadow } from "./shadow.ts";

/** What is done with entries at certain paths. */
export interface NormaliseRule {
  /** Matches the path without a leading slash. */
  readonly pattern: RegExp;
  readonly action: /** Not shipped, whatever its type. */
    | { readonly kind: "drop" }
    /** An empty file, with its owner, and this mode if there is one. */
    | { readonly kind: "empty"; readonly mode?: number }
    | { readonly kind: "rewrite"; readonly rewrite: Rewrite }
    /** Not searched for private keys. */
    | { readonly kind: "keep" }
    /** The same, but not shipped if `unless` says so of its content. */
    | { readonly kind: "keep-unless"; readonly unless: Condition };
  readonly reason: string;
}

const rewrite = (pattern: RegExp, made: Rewrite, reason: string): NormaliseRule => ({
  pattern,
  action: { kind: "rewrite", rewrite: made },
  reason,
});

const REWRITTEN: readonly NormaliseRule[] = [
  {
    pattern: /^etc\/machine-id$/,
    action: { kind: "empty", mode: 0o444 },
    reason: "identifies a machine; systemd fills an empty one",
  },
  { pattern: /^var\/log\/./, action: { kind: "empty" }, reason: "has times" },
  rewrite(/^etc\/shadow$/, rewriteShadow, "has the days on which accounts were made"),
  rewrite(/(?:^|\/)cacerts$/, rewriteJavaKeystore, "has the times of its entries"),
  rewrite(
    /^var\/cache\/fontconfig\/[^/]+-le64\.cache-[0-9]+$/,
    rewriteFontCache,
    "has the time of the folder that it describes",
  ),
  rewrite(/^var\/lib\/doc-base\/info\/files\.yml$/, rewriteDocBase, "has the times of files"),
  rewrite(/^usr\/share\/info\/dir$/, rewriteInfoDirectory, "has the order of the disk"),
  rewrite(/^var\/lib\/texmf\/ls-R[^/]*$/, rewriteFileDatabase, "has the order of the disk"),
  rewrite(
    /^var\/lib\/.+\/manifest\.json$/,
    rewriteCompressorManifest,
    "may be Django Compressor's, which has the order in which its threads ended",
  ),
  rewrite(/\.db$/, rewriteBerkeleyDatabase, "may be a Berkeley DB file, which has a random id"),
];

/** Files of dpkg, debconf and Python may quote a key of a package; without these files, nothing works. */
const KEPT: readonly NormaliseRule[] = [
  {
    pattern: /^var\/(?:lib\/dpkg|cache\/debconf)\//,
    action: { kind: "keep" },
    reason: "is made from the packages alone",
  },
  {
    pattern: /\.pyc$/,
    action: { kind: "keep-unless", unless: isOfMadeSource },
    reason: "is made from the packages alone, unless a script made its source",
  },
];

/** Scripts say in a comment when they made a file. ucf keeps a copy of it. */
const DATED: readonly NormaliseRule[] = [
  rewrite(/^(?:etc|var\/lib\/ucf\/cache)\/./, rewriteDates, "may have the time of its making"),
];

/** The rules, in order: the first that matches an entry's path decides. A file that none matches may be a private key. */
export const NORMALISE_RULES: readonly NormaliseRule[] = [
  ...DROPPED.map(({ pattern, reason }): NormaliseRule => ({ pattern, action: { kind: "drop" }, reason })),
  ...REWRITTEN,
  ...KEPT,
  ...DATED,
];

/** The path of the file that a link names, if the link is a certificate store's name for a certificate by its hash. */
export function linkedCertificate(path: string, linkTarget: string): string | undefined {
  if (!/^etc\/ssl\/certs\/[0-9a-f]{8}\.[0-9]+$/.test(path)) return undefined;
  return posix.resolve("/etc/ssl/certs", linkTarget).slice(1);
}
