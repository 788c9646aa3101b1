/** What scripts leave and an image never has. */
export interface Dropped {
  /** The paths, for people. */
  readonly paths: string;
  /** Matches the path without a leading slash, whatever is there. */
  readonly pattern: RegExp;
  readonly reason: string;
}

const dropped = (paths: string, pattern: RegExp, reason: string): Dropped => ({ paths, pattern, reason });

const IDENTIFIES = "identifies a machine";
const SECRET = "is a secret";
const RANDOM = "is made of random numbers";
const BACKUP = "is a backup";
const LOCK = "is a lock";
const UNFINISHED = "is dpkg's unfinished work";
const LOG = "is a log of the configuration";
const NUMBERS_AND_TIMES = "has numbers and times of files";

const LEFTOVERS: readonly Dropped[] = [
  dropped(
    "below `/{dev,proc,sys,run,tmp}`",
    /^(?:dev|proc|sys|run|tmp)\/./,
    "belongs to the running system, and container runtimes bring their own",
  ),
  dropped(
    "`/usr/sbin/policy-rc.d`",
    /^usr\/sbin\/policy-rc\.d$/,
    "is only there while packages are configured",
  ),
  dropped(
    "`/var/log/{dpkg,alternatives,bootstrap}.log`",
    /^var\/log\/(?:dpkg|alternatives|bootstrap)\.log$/,
    LOG,
  ),
  dropped("below `/var/log/journal`", /^var\/log\/journal\/./, "is a journal under this machine's id"),
  dropped(
    "`/var/lib/dpkg/{lock,lock-frontend,triggers/Lock}`",
    /^var\/lib\/dpkg\/(?:lock|lock-frontend|triggers\/Lock)$/,
    LOCK,
  ),
  dropped("below `/var/lib/dpkg/{updates,tmp.ci}`", /^var\/lib\/dpkg\/(?:updates|tmp\.ci)\/./, UNFINISHED),
  dropped("`/var/lib/dpkg/tmp.ci`", /^var\/lib\/dpkg\/tmp\.ci$/, UNFINISHED),
  dropped(
    "`*-old` below `/etc`, `/var/{lib,cache}`",
    /^(?:etc|var\/lib|var\/cache)\/(?:.*\/)?[^/]+-old$/,
    BACKUP,
  ),
  dropped(
    "`/etc/{passwd,group,shadow,gshadow,subuid,subgid}-`",
    /^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/,
    BACKUP,
  ),
  dropped("`/usr/share/info/dir.old`", /^usr\/share\/info\/dir\.old$/, BACKUP),
  dropped(
    "`/etc/{sgml,xml}/*.old`, `/var/lib/sgml-base/*.old`",
    /^(?:etc\/(?:sgml|xml)|var\/lib\/sgml-base)\/[^/]+\.old$/,
    BACKUP,
  ),
  dropped("`/etc/.pwd.lock`", /^etc\/\.pwd\.lock$/, LOCK),
  dropped(
    "`/var/{lib/apt/lists,cache/apt/archives}/lock`",
    /^var\/(?:lib\/apt\/lists|cache\/apt\/archives)\/lock$/,
    LOCK,
  ),
  dropped(
    "`/var/cache/apt/{,src}pkgcache.bin`",
    /^var\/cache\/apt\/(?:src)?pkgcache\.bin$/,
    "has times of files",
  ),
  dropped("`/var/cache/ldconfig/aux-cache`", /^var\/cache\/ldconfig\/aux-cache$/, NUMBERS_AND_TIMES),
  dropped("`/etc/.git`", /^etc\/\.git(?:\/|$)/, `${NUMBERS_AND_TIMES}: \`slipway-first-start\` makes it`),
  dropped("`/var/lib/texmf/web2c/**/*.log`", /^var\/lib\/texmf\/web2c\/(?:.+\/)?[^/]+\.log$/, LOG),
  dropped(
    "`/var/lib/texmf/web2c/*/*.{fmt,base}`, but for pdftex, xetex and metafont",
    // These programs take the time from a variable.
    /^var\/lib\/texmf\/web2c\/(?!(?:pdftex|xetex|metafont)\/)[^/]+\/[^/]+\.(?:fmt|base)$/,
    "has a time, or random numbers; TeX makes it when it is first used",
  ),
];

const OF_A_MACHINE: readonly Dropped[] = [
  dropped("`/var/lib/dbus/machine-id`", /^var\/lib\/dbus\/machine-id$/, IDENTIFIES),
  dropped("`/etc/ssh/ssh_host_*`", /^etc\/ssh\/ssh_host_[^/]+$/, IDENTIFIES),
  dropped(
    "`/etc/ssl/**/ssl-cert-snakeoil.*`",
    /^etc\/ssl\/(?:private|certs)\/ssl-cert-snakeoil\.(?:key|pem)$/,
    IDENTIFIES,
  ),
  dropped("`/etc/dropbear/dropbear_*_host_key`", /^etc\/dropbear\/dropbear_[a-z0-9]+_host_key$/, IDENTIFIES),
  dropped("`/etc/iscsi/initiatorname.iscsi`", /^etc\/iscsi\/initiatorname\.iscsi$/, IDENTIFIES),
  dropped(
    "`/etc/popularity-contest.conf`, `/etc/cron.d/popularity-contest`",
    /^etc\/(?:cron\.d\/popularity-contest|popularity-contest\.conf)$/,
    IDENTIFIES,
  ),
  dropped("`/etc/nvme/{hostid,hostnqn}`", /^etc\/nvme\/host(?:id|nqn)$/, IDENTIFIES),
  dropped(
    "`/var/lib/cfengine3/randseed`, below `/var/lib/cfengine3/{ppkeys,state}`",
    /^var\/lib\/cfengine3\/(?:randseed$|ppkeys\/.|state\/.)/,
    IDENTIFIES,
  ),
  dropped(
    "below `/var/lib/openvswitch/pki`",
    /^var\/lib\/openvswitch\/pki\/./,
    "are the certificates of a machine",
  ),
  dropped("`.erlang.cookie`", /(?:^|\/)\.erlang\.cookie$/, SECRET),
  dropped("`/etc/bind/rndc.key`", /^etc\/bind\/rndc\.key$/, SECRET),
  dropped("`/etc/munge/munge.key`", /^etc\/munge\/munge\.key$/, SECRET),
  dropped("`/etc/pacemaker/authkey`", /^etc\/pacemaker\/authkey$/, SECRET),
  dropped(
    "`/etc/tripwire/{*.key,tw.cfg,tw.pol}`",
    /^etc\/tripwire\/(?:[^/]+\.key|tw\.(?:cfg|pol))$/,
    "is a key, or signed with one",
  ),
  dropped("`/etc/varnish/secret`", /^etc\/varnish\/secret$/, SECRET),
  dropped("`/etc/xrdp/rsakeys.ini`", /^etc\/xrdp\/rsakeys\.ini$/, SECRET),
  dropped(
    "`random_seed` and `*.key` in `.gnupg`, `private-keys-v1.d`",
    /(?:^|\/)(?:\.gnupg|private-keys-v1\.d)\/(?:random_seed|[^/]+\.key)$/,
    SECRET,
  ),
  dropped(
    "`/var/lib/systemd/{random-seed,credential.secret}`",
    /^var\/lib\/systemd\/(?:random-seed|credential\.secret)$/,
    SECRET,
  ),
  dropped(
    "`/var/lib/random-seed`, below `/var/lib/urandom`",
    /^var\/lib\/(?:urandom\/.+|random-seed)$/,
    SECRET,
  ),
  dropped("`.rnd`", /(?:^|\/)\.rnd$/, RANDOM),
  dropped(
    "`/etc/courier/dhparams.pem`, `/etc/freeradius/N/certs/dh`, `/etc/mail/tls/sendmail-common.prm`",
    /^etc\/(?:courier\/dhparams\.pem|freeradius\/[^/]+\/certs\/dh|mail\/tls\/sendmail-common\.prm)$/,
    RANDOM,
  ),
];

const DATABASES: readonly Dropped[] = [
  dropped(
    "`/var/lib/heimdal-kdc/{m-key,heimdal.db,log}`, `/etc/heimdal-kdc/.configured`",
    /^(?:var\/lib\/heimdal-kdc\/(?:m-key|heimdal\.db|log)|etc\/heimdal-kdc\/\.configured)$/,
    "is a database with its own key",
  ),
  dropped(
    "below `/etc/ldap/slapd.d`, `/var/lib/ldap`",
    /^(?:etc\/ldap\/slapd\.d|var\/lib\/ldap)\/./,
    "is a database with its own identity and password",
  ),
  dropped("below `/var/lib/mysql`", /^var\/lib\/mysql\/./, "is a database with its own identity"),
  dropped(
    "below `/var/lib/postgresql/VERSION`",
    /^var\/lib\/postgresql\/[0-9.]+\/./,
    "is a database with its own identity",
  ),
  dropped(
    "below `/etc/postgresql/VERSION`",
    /^etc\/postgresql\/[0-9.]+\/./,
    "configures a database that is not shipped",
  ),
];

/** All that is dropped. `slipway-first-start` makes again what an image cannot do without. */
export const DROPPED: readonly Dropped[] = [...LEFTOVERS, ...OF_A_MACHINE, ...DATABASES];
