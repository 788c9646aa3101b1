import { posix } from "node:path";
import { rewriteBerkeleyDatabase } from "./berkeley-database.ts";
import { rewriteCompressorManifest } from "./compressor-manifest.ts";
import { rewriteDates } from "./dates.ts";
import { rewriteDocBase } from "./doc-base.ts";
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

const drop = (pattern: RegExp, reason: string): NormaliseRule => ({
  pattern,
  action: { kind: "drop" },
  reason,
});

const rewrite = (pattern: RegExp, made: Rewrite, reason: string): NormaliseRule => ({
  pattern,
  action: { kind: "rewrite", rewrite: made },
  reason,
});

const DROPPED: readonly NormaliseRule[] = [
  drop(/^(?:dev|proc|sys|run|tmp)\/./, "belongs to the running system"),
  drop(/^usr\/sbin\/policy-rc\.d$/, "is only there while packages are configured"),
  drop(/^var\/log\/(?:dpkg|alternatives|bootstrap)\.log$/, "is a log of the configuration"),
  drop(/^var\/log\/journal\/./, "is a journal under this machine's id"),
  drop(/^var\/lib\/dpkg\/(?:lock|lock-frontend|triggers\/Lock)$/, "is a lock"),
  drop(/^var\/lib\/dpkg\/(?:updates|tmp\.ci)\/./, "is dpkg's unfinished work"),
  drop(/^var\/lib\/dpkg\/tmp\.ci$/, "is dpkg's unfinished work"),
  drop(/^(?:etc|var\/lib|var\/cache)\/(?:.*\/)?[^/]+-old$/, "is a backup"),
  drop(/^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/, "is a backup"),
  drop(/^usr\/share\/info\/dir\.old$/, "is a backup"),
  drop(/^(?:etc\/(?:sgml|xml)|var\/lib\/sgml-base)\/[^/]+\.old$/, "is a backup"),
  drop(/^etc\/\.pwd\.lock$/, "is a lock"),
  drop(/^var\/(?:lib\/apt\/lists|cache\/apt\/archives)\/lock$/, "is a lock"),
  drop(/^var\/cache\/apt\/(?:src)?pkgcache\.bin$/, "has times of files"),
  drop(/^etc\/\.git(?:\/|$)/, "has numbers and times of files"),
  drop(/^var\/cache\/ldconfig\/aux-cache$/, "has numbers and times of files"),
  drop(/^var\/lib\/dbus\/machine-id$/, "identifies a machine"),
  drop(/^etc\/ssh\/ssh_host_[^/]+$/, "identifies a machine"),
  drop(/^etc\/ssl\/(?:private|certs)\/ssl-cert-snakeoil\.(?:key|pem)$/, "identifies a machine"),
  drop(/^etc\/dropbear\/dropbear_[a-z0-9]+_host_key$/, "identifies a machine"),
  drop(/^etc\/iscsi\/initiatorname\.iscsi$/, "identifies a machine"),
  drop(/^etc\/(?:cron\.d\/popularity-contest|popularity-contest\.conf)$/, "identifies a machine"),
  drop(/(?:^|\/)\.erlang\.cookie$/, "is a secret"),
  drop(/^etc\/bind\/rndc\.key$/, "is a secret"),
  drop(/^etc\/munge\/munge\.key$/, "is a secret"),
  drop(/^etc\/tripwire\/(?:[^/]+\.key|tw\.(?:cfg|pol))$/, "is a key, or signed with one"),
  drop(/^etc\/varnish\/secret$/, "is a secret"),
  drop(/^etc\/pacemaker\/authkey$/, "is a secret"),
  drop(/^etc\/xrdp\/rsakeys\.ini$/, "is a secret"),
  drop(/^var\/lib\/texmf\/web2c\/(?:.+\/)?[^/]+\.log$/, "is a log of the configuration"),
  drop(
    // These programs take the time from a variable.
    /^var\/lib\/texmf\/web2c\/(?!(?:pdftex|xetex|metafont)\/)[^/]+\/[^/]+\.(?:fmt|base)$/,
    "has a time, or random numbers; TeX makes it when it is first used",
  ),
  drop(/(?:^|\/)\.rnd$/, "is made of random numbers"),
  drop(/^var\/lib\/openvswitch\/pki\/./, "are the certificates of a machine"),
  drop(/^var\/lib\/cfengine3\/(?:randseed$|ppkeys\/.|state\/.)/, "identifies a machine"),
  drop(
    /^(?:var\/lib\/heimdal-kdc\/(?:m-key|heimdal\.db|log)|etc\/heimdal-kdc\/\.configured)$/,
    "is a database with its own key",
  ),
  drop(
    /^etc\/(?:courier\/dhparams\.pem|freeradius\/[^/]+\/certs\/dh|mail\/tls\/sendmail-common\.prm)$/,
    "is made of random numbers",
  ),
  drop(/(?:^|\/)(?:\.gnupg|private-keys-v1\.d)\/(?:random_seed|[^/]+\.key)$/, "is a secret"),
  drop(/^var\/lib\/systemd\/(?:random-seed|credential\.secret)$/, "is a secret"),
  drop(/^var\/lib\/(?:urandom\/.+|random-seed)$/, "is a secret"),
  drop(/^etc\/nvme\/host(?:id|nqn)$/, "identifies a machine"),
  drop(/^(?:etc\/ldap\/slapd\.d|var\/lib\/ldap)\/./, "is a database with its own identity and password"),
  drop(/^var\/lib\/mysql\/./, "is a database with its own identity"),
  drop(/^var\/lib\/postgresql\/[0-9.]+\/./, "is a database with its own identity"),
  drop(/^etc\/postgresql\/[0-9.]+\/./, "configures a database that is not shipped"),
];

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
export const NORMALISE_RULES: readonly NormaliseRule[] = [...DROPPED, ...REWRITTEN, ...KEPT, ...DATED];

/** The path of the file that a link names, if the link is a certificate store's name for a certificate by its hash. */
export function linkedCertificate(path: string, linkTarget: string): string | undefined {
  if (!/^etc\/ssl\/certs\/[0-9a-f]{8}\.[0-9]+$/.test(path)) return undefined;
  return posix.resolve("/etc/ssl/certs", linkTarget).slice(1);
}
