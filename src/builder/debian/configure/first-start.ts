import { fillingLines } from "./first-start-values.ts";
import type { EmptiedFile } from "./normalise/secret-values.ts";
import { REPLACED_PROGRAMS } from "./replaced-programs.ts";

/** The place of the script that makes what no two machines may share. */
export const FIRST_START_PATH = "usr/sbin/slipway-first-start";

interface Step {
  /** All of these programs are needed. */
  readonly programs: readonly string[];
  readonly line: string;
}

/** Has a package's script make what it made when the package was configured. */
const reconfigure = (name: string) => `DEBIAN_FRONTEND=noninteractive dpkg-reconfigure ${name}`;

/** In the order in which they run: certificates before the databases that link to them. */
const STEPS: readonly Step[] = [
  {
    programs: ["usr/bin/systemd-machine-id-setup"],
    line: "[ -s /etc/machine-id ] || systemd-machine-id-setup",
  },
  {
    programs: ["usr/bin/dbus-uuidgen"],
    line: "[ -s /var/lib/dbus/machine-id ] || dbus-uuidgen --ensure",
  },
  {
    programs: ["usr/sbin/sshd", "usr/bin/ssh-keygen"],
    line: "ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1 || ssh-keygen -A",
  },
  {
    programs: ["usr/sbin/make-ssl-cert"],
    line:
      "[ -e /etc/ssl/private/ssl-cert-snakeoil.key ] ||\n" +
      "  DEBIAN_FRONTEND=noninteractive make-ssl-cert generate-default-snakeoil --force-overwrite",
  },
  {
    programs: ["usr/sbin/named", "usr/sbin/rndc-confgen"],
    line: "[ -e /etc/bind/rndc.key ] || rndc-confgen -a -u bind",
  },
  {
    programs: ["usr/sbin/nsd-control-setup"],
    line: "[ -e /etc/nsd/nsd_server.key ] || nsd-control-setup",
  },
  {
    programs: ["usr/sbin/dropbear", "usr/bin/dropbearkey"],
    line:
      "[ ! -d /etc/dropbear ] || for type in rsa ecdsa ed25519; do\n" +
      '  key="/etc/dropbear/dropbear_$type"_host_key\n' +
      '  [ -e "$key" ] || dropbearkey -t "$type" -f "$key" || status=1\n' +
      "done",
  },
  {
    programs: ["usr/sbin/mungekey"],
    line: "[ -e /etc/munge/munge.key ] || su munge -s /bin/sh -c 'mungekey --create'",
  },
  {
    programs: ["usr/sbin/varnishd"],
    line: "[ -e /etc/varnish/secret ] || install -m 0600 /proc/sys/kernel/random/uuid /etc/varnish/secret",
  },
  {
    programs: ["usr/bin/xrdp-keygen"],
    line: "[ -e /etc/xrdp/rsakeys.ini ] || (umask 077; xrdp-keygen xrdp auto; chown xrdp /etc/xrdp/rsakeys.ini)",
  },
  {
    programs: ["usr/sbin/mkdhparams"],
    line:
      "[ -e /etc/courier/dhparams.pem ] ||\n" +
      "  { mkdhparams && chmod 0640 /etc/courier/dhparams.pem && chown root:courier /etc/courier/dhparams.pem; }",
  },
  {
    programs: ["usr/sbin/freeradius", "usr/bin/openssl"],
    line:
      "for folder in /etc/freeradius/*/certs; do\n" +
      '  [ -e "$folder/dh" ] || {\n' +
      // A group of RFC 7919: to find another one may take minutes.
      '    openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out "$folder/dh" &&\n' +
      '    chmod 0640 "$folder/dh" && chown freerad: "$folder/dh"\n' +
      "  } || status=1\n" +
      "done",
  },
  {
    programs: ["usr/sbin/ejabberdctl", "usr/bin/openssl"],
    line:
      "[ -e /etc/ejabberd/ejabberd.pem ] ||\n" +
      '  (umask 077; cd /etc/ejabberd && openssl req -new -x509 -days 365 -nodes -subj "/CN=$(uname -n)" \\\n' +
      "    -out ejabberd.pem -keyout ejabberd.pem && chmod 0640 ejabberd.pem && chown root:ejabberd ejabberd.pem)",
  },
  ...["usr/sbin/pacemakerd", "usr/sbin/pacemaker-remoted"].map((program) => ({
    programs: [program],
    line:
      "[ -e /etc/pacemaker/authkey ] ||\n" +
      "  (umask 037; head -c 4096 /dev/urandom >/etc/pacemaker/authkey && chgrp haclient /etc/pacemaker/authkey)",
  })),
  {
    programs: ["usr/libexec/sendmail/sendmail", "usr/share/sendmail/update_tls"],
    line: "[ -e /etc/mail/tls/sendmail-common.key ] || /usr/share/sendmail/update_tls </dev/null >/dev/null 2>&1",
  },
  {
    programs: ["usr/bin/etckeeper", "usr/bin/git"],
    line: "[ -e /etc/.git ] || etckeeper init >/dev/null",
  },
  {
    programs: ["usr/sbin/twadmin"],
    line: `[ -e /etc/tripwire/site.key ] || ${reconfigure("tripwire")}`,
  },
  {
    programs: ["usr/bin/ovs-pki"],
    line: "[ ! -d /var/lib/openvswitch/pki ] || [ -e /var/lib/openvswitch/pki/switchca ] || ovs-pki --force init",
  },
  {
    programs: ["usr/bin/cf-key"],
    line: "[ -e /var/lib/cfengine3/ppkeys/localhost.priv ] || cf-key",
  },
  {
    programs: ["usr/lib/heimdal-servers/kdc"],
    line: `[ -e /etc/heimdal-kdc/.configured ] ||\n  ${reconfigure("heimdal-kdc")}`,
  },
  {
    programs: ["usr/sbin/popularity-contest"],
    line: `[ -e /etc/popularity-contest.conf ] ||\n  ${reconfigure("popularity-contest")}`,
  },
  {
    programs: ["usr/sbin/iscsi-iname"],
    line:
      "[ -e /etc/iscsi/initiatorname.iscsi ] ||\n" +
      '  (umask 077; echo "InitiatorName=$(iscsi-iname)" >/etc/iscsi/initiatorname.iscsi)',
  },
  {
    programs: ["usr/sbin/nvme"],
    line: "[ -s /etc/nvme/hostnqn ] || nvme gen-hostnqn >/etc/nvme/hostnqn",
  },
  {
    programs: ["usr/sbin/nvme"],
    line: "[ -s /etc/nvme/hostid ] || cat /proc/sys/kernel/random/uuid >/etc/nvme/hostid",
  },
  {
    programs: ["usr/sbin/slapd"],
    line: `[ -e '/etc/ldap/slapd.d/cn=config.ldif' ] ||\n  ${reconfigure("slapd")}`,
  },
  {
    programs: ["usr/bin/fmtutil"],
    line: "fmtutil-sys --missing --no-error-if-no-engine=luajittex,mfluajit,luajithbtex >/dev/null 2>&1",
  },
  {
    programs: ["usr/bin/mariadb-install-db"],
    line: "[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db",
  },
];

const POSTGRESQL = /^usr\/lib\/postgresql\/([0-9]+(?:\.[0-9]+)?)\/bin\/initdb$/;
const PROGRAMS: ReadonlySet<string> = new Set([
  ...REPLACED_PROGRAMS,
  ...STEPS.flatMap(({ programs }) => programs),
]);

/**
 * Whether a path, without a leading slash and in the merged `/usr`, matters to {@link firstStartScript}, or is that of a
 * program in {@link REPLACED_PROGRAMS}.
 */
export function mattersToFirstStart(path: string): boolean {
  return PROGRAMS.has(path) || POSTGRESQL.test(path);
}

/**
 * The script that makes keys, identities, databases and passwords which the image does not ship, for a tree with these paths
 * (without a leading slash, in the merged `/usr`); `undefined` if there is nothing to make.
 *
 * Each line does nothing if what it makes is there. The script ends with 1 if any line failed, and runs the others.
 *
 * @param emptied files in which secret values have to be filled in
 */
export function firstStartScript(
  paths: ReadonlySet<string>,
  emptied: readonly EmptiedFile[] = [],
): string | undefined {
  const lines = STEPS.filter(({ programs }) => programs.every((path) => paths.has(path))).map(
    ({ line }) => line,
  );
  if (paths.has("usr/bin/pg_createcluster")) lines.push(...postgresqlLines(paths));
  if (lines.length === 0 && emptied.length === 0) return undefined;
  return [
    "#!/bin/sh",
    "# Makes the keys, identities, databases and passwords that must differ between machines, if they are absent.",
    "status=0",
    ...lines.map((line) => `{ ${line}; } || status=1`),
    ...fillingLines(emptied),
    "exit $status",
    "",
  ].join("\n");
}

function postgresqlLines(paths: ReadonlySet<string>): readonly string[] {
  const versions = [...paths].flatMap((path) => POSTGRESQL.exec(path)?.[1] ?? []);
  return versions
    .toSorted((left, right) => Number(left) - Number(right))
    .map(
      (version) =>
        `[ -e /etc/postgresql/${version}/main/postgresql.conf ] ||\n` +
        `  { pg_createcluster ${version} main && /usr/share/postgresql-common/pg_updateaptconfig; }`,
    );
}
