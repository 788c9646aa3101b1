import type { TestPackage } from "../../support/debian-repository.ts";

/** What the attempts print into files below this folder of the image. */
export const OUTCOMES = "var/lib/attempts";

/** A package with a `postinst` for a POSIX shell. */
function hostile(name: string, postinst: string, more: Partial<TestPackage> = {}): TestPackage {
  const scripts = { postinst: `#!/bin/sh\n${postinst}\n`, ...more.scripts };
  return { name: `hostile-${name}`, hasFile: true, ...more, scripts };
}

/** A package whose script tries something and notes what came of it. */
function attempt(name: string, script: string): TestPackage {
  return hostile(
    name,
    `mkdir -p /${OUTCOMES}; exec 3>/${OUTCOMES}/${name}; { ${script}\n} >&3 2>/dev/null; exit 0`,
  );
}

/** Packages that are configured, although what they try fails. The host's secret and port are only known at run time. */
export function attempts(secretFile: string, port: number): readonly TestPackage[] {
  const connect = (family: string) => `perl -e '${family}' || echo refused`;
  return [
    attempt(
      "net",
      `${connect(`socket S, 2, 1, 0; connect(S, pack("SnC4x8", 2, ${port}, 127, 0, 0, 1)) or exit 1; print "connected"`)}
       ${connect('socket S, 2, 1, 0; connect(S, pack("SnC4x8", 2, 80, 192, 0, 2, 1)) or exit 1; print "connected"')}`,
    ),
    attempt(
      "host",
      `for root in "" /proc/1/root /proc/self/root; do cat "$root${secretFile}" && echo seen; done; echo end`,
    ),
    attempt(
      "kernel",
      `for file in kernel/core_pattern user/max_user_namespaces; do (echo 1 >/proc/sys/$file) && echo wrote; done
       mknod /dev/disk b 8 0 && echo made; unshare -U true && echo unshared; chroot / true && echo rooted; date -s 2001-01-01 >/dev/null && echo set
       hostname evil && echo named; echo end`,
    ),
    attempt(
      "fd",
      `perl -e 'opendir D, "/proc/$$/fd"; print join(" ", sort grep { /^[0-9]/ && readlink("/proc/$$/fd/$_") !~ m,^/proc/, } readdir D)'`,
    ),
    attempt("tty", `(exec 4<>/dev/tty) && echo terminal; echo end`),
    attempt("prompt", `read -r answer && echo "answered $answer"; echo end`),
    attempt(
      "key",
      `printf -- '-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\\n-----END PRIVATE KEY-----\\n' >/etc/hostile.pem; echo made`,
    ),
    attempt("setuid", `cp /bin/sh /usr/bin/hostile-sh && chmod 4755 /usr/bin/hostile-sh && echo made`),
    attempt(
      "fifo",
      `mkfifo /etc/hostile-fifo && ln -s ${secretFile} /etc/hostile-link && ln -s / /etc/hostile-root && echo made`,
    ),
    attempt(
      "names",
      `mkdir -p /srv/names && cd /srv/names && : >"$(printf 'a\\nb')" && : >"$(printf '\\377\\001')" && : >-rf && echo made`,
    ),
    attempt("clock", `date +%s | tr 0-9 x`),
    attempt(
      "daemon",
      `perl -e 'exit if fork; setpgrp; close STDIN; close STDOUT; close STDERR; sleep 100000' & sleep 0.2; echo started`,
    ),
    attempt(
      "status",
      `printf 'Package: other\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: all\\n\\n' >>/var/lib/dpkg/status
       kill -9 1 "$PPID"; echo end`,
    ),
    attempt("deep", `cd /srv; i=0; while [ $i -lt 200 ]; do mkdir d && cd d && i=$((i + 1)); done; echo $i`),
  ];
}

/** Packages that cannot be configured, with what the answer to a pull says. */
export const FAILING: readonly (readonly [TestPackage, RegExp])[] = [
  [
    hostile("fails", "echo it cannot be done; exit 3"),
    /hostile-fails could not be configured: its postinst failed/,
  ],
  [
    hostile("early", "", { scripts: { preinst: "#!/bin/sh\nexit 4\n" } }),
    /hostile-early could not be configured: its preinst failed/,
  ],
  [hostile("kill", "kill -9 -1"), /could not be configured/],
  [
    hostile("output", "exec yes 0123456789012345678901234567890123456789"),
    /could not be configured: it wrote too much/,
  ],
  [
    hostile(
      "memory",
      `exec perl -e 'for (1 .. 12) { if (!fork) { my $x = "x" x (100 << 20); sleep 1000 while 1 } } sleep 1000 while 1'`,
    ),
    /could not be configured: it took too much memory/,
  ],
  [hostile("whiteout", ": >/etc/.wh.passwd"), /could not be configured/],
  [
    hostile(
      "sparse",
      'exec perl -e \'open F, ">", "/srv/large" or die; truncate F, 4 << 40 or die "too large"\'',
    ),
    /could not be configured/,
  ],
  [
    hostile("inodes", 'cd /srv && exec perl -e \'for (1 .. 300000) { open F, ">", $_ or die "no more" }\''),
    /could not be configured: its postinst failed/,
  ],
];

/** Needs the first of {@link FAILING}. */
export const NEEDS_FAILING = hostile("needs", "", { fields: { Depends: "hostile-fails" } });

/** Makes up a password, writes it into two files, and has ucf know one of them. */
export const MAKES_PASSWORD = hostile(
  "password",
  `password=$(tr -dc A-Za-z0-9 </dev/urandom | head -c 16)
   mkdir -p /etc/dbconfig-common /var/lib/ucf
   echo "dbc_dbpass='$password'" >/etc/dbconfig-common/hostile.conf
   { date -R; echo "password is $password here"; } >/etc/hostile-password
   echo "$(md5sum </etc/hostile-password | cut -c 1-32)  /etc/hostile-password" >>/var/lib/ucf/hashfile`,
);
