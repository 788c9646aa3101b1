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

/** All known differences; the first that matches a path explains it. */
export const MMDEBSTRAP_DIFFERENCES: readonly KnownDifference[] = [
  difference("absent", "below `/dev`, `/run`", /^(?:dev|run)\/./, "container runtimes bring their own"),
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
  difference("absent", "`/etc/ssh/ssh_host_*`", /^etc\/ssh\/ssh_host_[^/]+$/, "keys are never shipped"),
  difference(
    "absent",
    "`/etc/ssl/**/ssl-cert-snakeoil.*`",
    /^etc\/ssl\/(?:private|certs)\/ssl-cert-snakeoil\.(?:key|pem)$/,
    "keys are never shipped",
  ),
  difference(
    "absent",
    "`/etc/ssl/certs/HASH.N`",
    /^etc\/ssl\/certs\/[0-9a-f]{8}\.[0-9]+$/,
    "a link to the certificate of such a key",
  ),
  difference("absent", "`.erlang.cookie`", /(?:^|\/)\.erlang\.cookie$/, "secrets are never shipped"),
  difference(
    "absent",
    "`/etc/bind/rndc.key`, `/etc/munge/munge.key`, `/etc/pacemaker/authkey`, `/etc/varnish/secret`, `/etc/xrdp/rsakeys.ini`",
    /^etc\/(?:bind\/rndc\.key|munge\/munge\.key|pacemaker\/authkey|varnish\/secret|xrdp\/rsakeys\.ini)$/,
    "secrets are never shipped",
  ),
  difference(
    "absent",
    "`/etc/dropbear/dropbear_*_host_key`, `/etc/nsd/nsd_*.{key,pem}`",
    /^etc\/(?:dropbear\/dropbear_[a-z0-9]+_host_key|nsd\/nsd_[a-z]+\.(?:key|pem))$/,
    "keys and their certificates are never shipped",
  ),
  difference(
    "absent",
    "`/etc/ejabberd/ejabberd.pem`",
    /^etc\/ejabberd\/ejabberd\.pem$/,
    "keys and their certificates are never shipped",
  ),
  difference(
    "absent",
    "below `/var/lib/openvswitch/pki`, `/var/lib/cfengine3/{ppkeys,state}`; `/var/lib/cfengine3/randseed`",
    /^var\/lib\/(?:openvswitch\/pki\/.|cfengine3\/(?:ppkeys\/.|state\/.|randseed$))/,
    "keys and random numbers: `slipway-first-start` makes them",
  ),
  difference(
    "absent",
    "`/etc/tripwire/{*.key,tw.cfg,tw.pol}`",
    /^etc\/tripwire\/(?:[^/]+\.key|tw\.(?:cfg|pol))$/,
    "keys, and what is signed with them: `slipway-first-start` makes them",
  ),
  difference(
    "absent",
    "`/etc/.git`",
    /^etc\/\.git(?:\/|$)/,
    "has numbers and times of files: `slipway-first-start` makes it",
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
  difference("absent", "`.rnd`", /(?:^|\/)\.rnd$/, "holds random numbers: OpenSSL makes it when it needs it"),
  difference(
    "absent",
    "`/var/lib/heimdal-kdc/{m-key,heimdal.db,log}`, `/etc/heimdal-kdc/.configured`",
    /^(?:var\/lib\/heimdal-kdc\/(?:m-key|heimdal\.db|log)|etc\/heimdal-kdc\/\.configured)$/,
    "databases have an identity: `slipway-first-start` makes them",
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
    "absent",
    "`/var/lib/texmf/web2c/**/*.log`, and the formats of all programs but pdftex, xetex and metafont",
    /^var\/lib\/texmf\/web2c\/(?:(?:.+\/)?[^/]+\.log|(?!(?:pdftex|xetex|metafont)\/)[^/]+\/[^/]+\.(?:fmt|base))$/,
    "TeX writes times or random numbers into them, and makes formats when they are first used",
  ),
  difference(
    "different",
    "`/var/lib/texmf/web2c/**/*.{fmt,base}`, `/var/lib/texmf/{ls-R,fmtutil.cnf-TEXLIVEDIST}`",
    /^var\/lib\/texmf\/(?:web2c\/.+\.(?:fmt|base)|ls-R[^/]*|fmtutil\.cnf-TEXLIVEDIST)$/,
    "the image's time, and names in an order that is the same each time",
  ),
  difference(
    "absent",
    "`/etc/courier/dhparams.pem`, `/etc/freeradius/N/certs/dh`, `/etc/mail/tls/sendmail-common.prm`",
    /^etc\/(?:courier\/dhparams\.pem|freeradius\/[^/]+\/certs\/dh|mail\/tls\/sendmail-common\.prm)$/,
    "random numbers: `slipway-first-start` makes them",
  ),
  difference(
    "absent",
    "`/etc/iscsi/initiatorname.iscsi`, `/etc/popularity-contest.conf`, `/etc/cron.d/popularity-contest`",
    /^etc\/(?:iscsi\/initiatorname\.iscsi|popularity-contest\.conf|cron\.d\/popularity-contest)$/,
    "identities are never shipped",
  ),
  difference(
    "absent",
    "`/var/lib/dbus/machine-id`",
    /^var\/lib\/dbus\/machine-id$/,
    "identities are never shipped",
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
    "`/etc/nvme/{hostid,hostnqn}`",
    /^etc\/nvme\/host(?:id|nqn)$/,
    "identities are never shipped",
  ),
  difference(
    "absent",
    "below `/var/lib/{mysql,ldap,postgresql}`, `/etc/postgresql`, `/etc/ldap/slapd.d`, `/var/log/postgresql`",
    /^(?:var\/lib\/(?:mysql|ldap|postgresql)|etc\/(?:postgresql|ldap\/slapd\.d)|var\/log\/postgresql)\/./,
    "databases have an identity: `slipway-first-start` makes them",
  ),
  difference(
    "added",
    "`/usr/sbin/slipway-first-start`",
    /^usr\/sbin\/slipway-first-start$/,
    "makes what is never shipped",
  ),
  difference(
    "absent",
    "`/var/log/{dpkg,alternatives,bootstrap}.log`",
    /^var\/log\/(?:dpkg|alternatives|bootstrap)\.log$/,
    "logs have times",
  ),
  difference("empty", "below `/var/log`", /^var\/log\//, "logs have times"),
  difference(
    "absent",
    "`*-old`, `*.old` of catalogs and of Info's directory, `/etc/{passwd,group,shadow,gshadow,subuid,subgid}-`",
    /-old$|^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$|^(?:etc\/(?:sgml|xml)|var\/lib\/sgml-base)\/[^/]+\.old$|^usr\/share\/info\/dir\.old$/,
    "backups",
  ),
  difference(
    "absent",
    "`/etc/.pwd.lock`, `/var/cache/ldconfig/aux-cache`, `/var/lib/dpkg/{lock,lock-frontend,triggers/Lock}`",
    /^(?:etc\/\.pwd\.lock|var\/cache\/ldconfig\/aux-cache|var\/lib\/dpkg\/(?:lock|lock-frontend|triggers\/Lock))$/,
    "locks, and times of files",
  ),
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
    "`/etc/mailname`",
    /^etc\/mailname$/,
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
