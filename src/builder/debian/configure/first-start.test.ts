import { describe, expect, it } from "bun:test";
import { run } from "../../../../test/support/command.ts";
import { FIRST_START_PATH, firstStartScript, mattersToFirstStart } from "./first-start.ts";

describe("the first start", () => {
  it("has nothing to do where no program makes what is not shipped", () => {
    expect(firstStartScript(new Set(["usr/bin/ssh-keygen", "usr/bin/pg_createcluster"]))).toBeUndefined();
  });

  it("makes only what the image's programs use, certificates before the databases that link to them", () => {
    const script = firstStartScript(
      new Set([
        "usr/bin/pg_createcluster",
        "usr/lib/postgresql/15/bin/initdb",
        "usr/lib/postgresql/9.6/bin/initdb",
        "usr/sbin/make-ssl-cert",
        "usr/bin/ssh-keygen",
        "usr/sbin/sshd",
      ]),
    );
    expect(script).toBe(`#!/bin/sh
# Makes the keys, identities, databases and passwords that must differ between machines, if they are absent.
status=0
{ ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1 || ssh-keygen -A; } || status=1
{ [ -e /etc/ssl/private/ssl-cert-snakeoil.key ] ||
  DEBIAN_FRONTEND=noninteractive make-ssl-cert generate-default-snakeoil --force-overwrite; } || status=1
{ [ -e /etc/postgresql/9.6/main/postgresql.conf ] ||
  { pg_createcluster 9.6 main && /usr/share/postgresql-common/pg_updateaptconfig; }; } || status=1
{ [ -e /etc/postgresql/15/main/postgresql.conf ] ||
  { pg_createcluster 15 main && /usr/share/postgresql-common/pg_updateaptconfig; }; } || status=1
exit $status
`);
  });

  it("lies where the image's own programs are", () => {
    expect(FIRST_START_PATH).toStartWith("usr/sbin/");
  });

  it("is a script that a shell can read", async () => {
    const programs = {
      bin: [
        "systemd-machine-id-setup",
        "dbus-uuidgen",
        "mariadb-install-db",
        "dropbearkey",
        "openssl",
        "xrdp-keygen",
        "ovs-pki",
        "cf-key",
        "fmtutil",
      ],
      sbin: ["make-ssl-cert", "named", "rndc-confgen", "slapd", "nvme", "nsd-control-setup", "dropbear"],
    };
    const more = [
      "mungekey",
      "varnishd",
      "mkdhparams",
      "freeradius",
      "ejabberdctl",
      "popularity-contest",
      "iscsi-iname",
    ];
    const paths = [
      ...programs.bin.map((name) => `usr/bin/${name}`),
      ...[...programs.sbin, ...more].map((name) => `usr/sbin/${name}`),
      "usr/lib/heimdal-servers/kdc",
    ];
    expect(paths.filter((path) => !mattersToFirstStart(path))).toEqual([]);
    const script = firstStartScript(new Set(paths)) ?? "";
    expect(await run(["/bin/sh", "-n", "-c", script])).toMatchObject({ exitCode: 0, stderr: "" });
    // Two for nvme, one for each other, and four need two programs; two lines are loops.
    expect(script.match(/\|\| status=1$/gm)).toHaveLength(paths.length + 1 - 3 + 2);
  });
});
