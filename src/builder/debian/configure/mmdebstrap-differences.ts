import { DROPPED } from "./normalise/dropped.ts";

/** A known difference between an image configured here and the tree that mmdebstrap makes of the same packages. */
export interface KnownDifference {
  /** The paths, for people. */
  readonly paths: string;
  /** Matches a path without a leading slash. */
  readonly pattern: RegExp;
  /** How the path is here; renumbered: only numbers of accounts differ, and their names are the same. */
  readonly here: "absent" | "added" | "empty" | "different" | "renumbered";
  readonly reason: string;
}

const difference = (
  here: KnownDifference["here"],
  paths: string,
  pattern: RegExp,
  reason: string,
): KnownDifference => ({ here, paths, pattern, reason });

const OTHERS: readonly KnownDifference[] = [
  difference(
    "added",
    "`/etc/apt/sources.list.d/{debian,ubuntu}.sources`",
    /^etc\/apt\/sources\.list\.d\/(?:debian|ubuntu)\.sources$/,
    "an image with apt has its sources in one file, without what only the host has",
  ),
  difference(
    "different",
    "`/var/{cache/apt/archives,lib/apt/lists}/partial`",
    /^var\/(?:cache\/apt\/archives|lib\/apt\/lists)\/partial$/,
    "apt makes them private when it first uses them, as mmdebstrap did",
  ),
  difference(
    "absent",
    "`/etc/apt/preferences.d`, `/etc/apt/sources.list*`, `/var/{lib,cache,log}/apt`",
    /^(?:etc\/apt\/(?:preferences\.d|sources\.list)|var\/(?:lib|cache|log)\/apt)(?:[./]|$)/,
    "apt is not in the image, or its folders come from its package",
  ),
  difference(
    "absent",
    "`/etc/hostname`, `/etc/resolv.conf` and its backup, `/etc/fstab`",
    /^etc\/(?:hostname|resolv\.conf|\.resolv\.conf\.[a-z-]+\.bak|fstab)$/,
    "container runtimes bring their own",
  ),
  difference(
    "absent",
    "`/etc/ssl/certs/HASH.N`",
    /^etc\/ssl\/certs\/[0-9a-f]{8}\.[0-9]+$/,
    "a link to the certificate of such a key",
  ),
  difference(
    "absent",
    "`/etc/nsd/nsd_*.{key,pem}`",
    /^etc\/nsd\/nsd_[a-z]+\.(?:key|pem)$/,
    "keys and their certificates are never shipped",
  ),
  difference(
    "absent",
    "`/etc/ejabberd/ejabberd.pem`",
    /^etc\/ejabberd\/ejabberd\.pem$/,
    "keys and their certificates are never shipped",
  ),
  difference("different", "`/etc/.etckeeper`", /^etc\/\.etckeeper$/, "lists the files of `/etc`"),
  difference(
    "different",
    "`/etc/mail/{Makefile,databases,local-host-names,sendmail.cf,submit.cf,*.db}`",
    /^etc\/mail\/(?:Makefile|databases|local-host-names|(?:sendmail|submit)\.cf|[^/]+\.db)$/,
    "the host is called `localhost.localdomain` here, and the day is the image's",
  ),
  difference(
    "different",
    "`/etc/mail/tls`",
    /^etc\/mail\/tls$/,
    "openssl is in every image, and configured before sendmail",
  ),
  difference(
    "added",
    "`/etc/mail/tls/*`",
    /^etc\/mail\/tls\/[^/]+$/,
    "openssl is in every image, and configured before sendmail",
  ),
  difference(
    "different",
    "`/etc/apt/apt.conf.d/02autoremove-postgresql`",
    /^etc\/apt\/apt\.conf\.d\/02autoremove-postgresql$/,
    "lists database clusters, which `slipway-first-start` makes",
  ),
  difference(
    "different",
    "`/etc/backuppc/htpasswd`, `/etc/bacula/*`, `/etc/default/camo`, `/etc/dbconfig-common/*.conf` and what has their passwords, `/etc/mailman3/*`, `/etc/redmine/*/secret_key.txt`, `/etc/roundcube/config.inc.php`, `/etc/zm/core.php`, " +
      "`/var/lib/phpmyadmin/blowfish_secret.inc.php`, `/var/lib/ucf/**`",
    /^(?:etc\/(?:backuppc\/htpasswd|bacula\/[^/]+|default\/camo|dbconfig-common\/[^/]+\.conf|mailman3\/[^/]+|redmine\/[^/]+\/secret_key\.txt|roundcube\/config\.inc\.php|cacti\/debian\.php|phpmyadmin\/config-db\.php|zm\/core\.php)|var\/lib\/(?:phpmyadmin\/blowfish_secret\.inc\.php|ucf\/.+))$/,
    "passwords that scripts make up are not shipped: `slipway-first-start` makes others",
  ),
  difference(
    "different",
    "`/var/lib/texmf/web2c/**/*.{fmt,base}`, `/var/lib/texmf/{ls-R,fmtutil.cnf-TEXLIVEDIST}`",
    /^var\/lib\/texmf\/(?:web2c\/.+\.(?:fmt|base)|ls-R[^/]*|fmtutil\.cnf-TEXLIVEDIST)$/,
    "the image's time, and names in an order that is the same each time",
  ),
  difference("empty", "`/etc/machine-id`", /^etc\/machine-id$/, "identities are never shipped"),
  difference(
    "different",
    "`/etc/machine-id`",
    /^etc\/machine-id$/,
    "empty in both; here nobody may write it, as systemd wants",
  ),
  difference(
    "absent",
    "below `/{etc,var/lib,var/log}/postgresql`",
    /^(?:etc|var\/lib|var\/log)\/postgresql\/./,
    "databases have an identity: `slipway-first-start` makes them",
  ),
  difference(
    "added",
    "`/usr/sbin/slipway-first-start`",
    /^usr\/sbin\/slipway-first-start$/,
    "makes what is never shipped",
  ),
  difference("empty", "below `/var/log`", /^var\/log\//, "logs have times"),
  difference(
    "absent",
    "`/var/lib/dpkg/{available,cmethopt}`",
    /^var\/lib\/dpkg\/(?:available|cmethopt)$/,
    "only dpkg's old front end reads it",
  ),
  difference("different", "`/etc/shadow`", /^etc\/shadow$/, "the image's day, not the day of the build"),
  difference(
    "different",
    "`cacerts`, below `/var/cache/fontconfig`",
    /(?:^|\/)cacerts$|^var\/cache\/fontconfig\//,
    "the image's time, not the build's",
  ),
  difference(
    "different",
    "`/var/cache/man/**/index.db`",
    /^var\/cache\/man\/(?:.+\/)?index\.db$/,
    "has the times of links to alternatives: the image's time here, that of their targets there",
  ),
  difference(
    "different",
    "`/etc/aliases.db`, `/etc/postfix/*.db`",
    /^etc\/(?:aliases|postfix\/[^/]+)\.db$/,
    "the image's time, and no random id",
  ),
  difference(
    "different",
    "`/etc/mdadm/mdadm.conf`, `/var/lib/doc-base/info/files.yml`",
    /^(?:etc\/mdadm\/mdadm\.conf|var\/lib\/doc-base\/info\/files\.yml)$/,
    "the image's time, not the build's",
  ),
  difference(
    "added",
    "`/etc/mailname`, `/var/log/proftpd/proftpd.log`",
    /^(?:etc\/mailname|var\/log\/proftpd\/proftpd\.log)$/,
    "the host is called `localhost.localdomain` here, and may have no such name there",
  ),
  difference(
    "different",
    "`/etc/{mailname,krb5.conf}`, `/etc/krb5kdc/kdc.conf`, `/etc/postfix/main.cf`, `/etc/exim4/update-exim4.conf.conf`, " +
      "`/etc/nullmailer/*`, `/var/lib/exim4/config.autogenerated`, `/var/cache/debconf/config.dat`",
    /^(?:etc\/(?:mailname|krb5\.conf|krb5kdc\/kdc\.conf|postfix\/main\.cf|exim4\/update-exim4\.conf\.conf|nullmailer\/[^/]+)|var\/(?:lib\/exim4\/config\.autogenerated|cache\/debconf\/config\.dat))$/,
    "the host is called `localhost.localdomain` here",
  ),
  difference(
    "absent",
    "`/etc/munin/plugins/if_*`",
    /^etc\/munin\/plugins\/if_[^/]+$/,
    "the host's network interfaces, of which none is visible here",
  ),
  ...(["added", "absent"] as const).map((here) =>
    difference(
      here,
      "`/var/lib/varnish/HOST`",
      /^var\/lib\/varnish\/[^/]+$/,
      "the host is called `localhost` here, and is another there",
    ),
  ),
  difference(
    "different",
    "`/var/log/journal`",
    /^var\/log\/journal$/,
    "access control lists are not shipped",
  ),
  difference(
    "different",
    "`/var/lib/dpkg/triggers/File`",
    /^var\/lib\/dpkg\/triggers\/File$/,
    "sorted here, in the order of unpacking there",
  ),
  difference(
    "different",
    "`/usr/share/info/dir`",
    /^usr\/share\/info\/dir$/,
    "sorted here, in the order of the disk there",
  ),
  difference(
    "renumbered",
    "owners; `/etc/{passwd,group,gshadow}`",
    /./,
    "scripts take the next free number, and packages that are in every image are configured first here",
  ),
  difference(
    "absent",
    "`/{,usr/}lib{32,x32,o32}`",
    /^(?:usr\/)?lib(?:32|x32|o32)$/,
    "only for other architectures; mmdebstrap's set-up makes it",
  ),
];

/** All known differences: what is never shipped is absent, and then the others. The first that matches a path explains it. */
export const MMDEBSTRAP_DIFFERENCES: readonly KnownDifference[] = [
  ...DROPPED.map(({ paths, pattern, reason }) => difference("absent", paths, pattern, reason)),
  ...OTHERS,
];
