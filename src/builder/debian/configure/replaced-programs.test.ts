import { describe, expect, it } from "bun:test";
import { mattersToFirstStart } from "./first-start.ts";
import { REPLACED_PROGRAMS, replacedInAddition, replacedInBase } from "./replaced-programs.ts";

const CREATED_AT = new Date("2025-03-04T05:06:07.891Z");

describe("programs that maintainer scripts do not get", () => {
  it("are known from the facts of packages", () => {
    expect(REPLACED_PROGRAMS.filter((path) => !mattersToFirstStart(path))).toEqual([]);
  });

  it("are replaced only where they are", () => {
    const files = replacedInAddition(new Set(["usr/bin/pg_createcluster", "usr/bin/ssh-keygen"]), CREATED_AT);
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      ["/usr/bin/ischroot", 0o755],
      ["/usr/bin/pg_createcluster", 0o755],
      ["/run/slipway/ssh-keygen", 0o755],
    ]);
  });

  it("do nothing, but succeed, if what they make is left out", () => {
    const file = replacedInAddition(new Set(["usr/bin/mariadb-install-db"]), CREATED_AT).at(-1);
    const { exitCode, stdout } = Bun.spawnSync(["/bin/sh", "-c", String(file?.bytes), "x", "--user=mysql"]);
    expect([exitCode, String(stdout)]).toEqual([0, ""]);
  });

  it("write the image's time if they write one", () => {
    const file = replacedInAddition(new Set(["usr/bin/fmtutil"]), CREATED_AT).at(-1);
    const script = String(file?.bytes).replace("/usr/bin/fmtutil", "env");
    const { stdout } = Bun.spawnSync(["/bin/sh", "-c", script]);
    expect(String(stdout)).toContain("SOURCE_DATE_EPOCH=1741064767\n");
    expect(String(stdout)).toContain("FORCE_SOURCE_DATE=1\n");
  });

  it("make no keys of a machine, but others", () => {
    const file = replacedInAddition(new Set(["usr/bin/ssh-keygen"]), CREATED_AT).at(-1);
    const script = String(file?.bytes).replace("/usr/bin/ssh-keygen", "echo made");
    const made = (...options: string[]) =>
      String(Bun.spawnSync(["/bin/sh", "-c", script, "x", ...options]).stdout).trim();
    expect(made("-q", "-f", "/etc/ssh/ssh_host_rsa_key", "-N", "", "-t", "rsa")).toBe("");
    expect(made("-f", "/var/lib/x/key")).toBe("made -f /var/lib/x/key");
  });

  it("make a machine's certificate with a key that takes no time", () => {
    const file = replacedInAddition(new Set(["usr/bin/openssl"]), CREATED_AT).at(-1);
    const script = String(file?.bytes).replace("/usr/bin/openssl", "echo");
    const made = (...options: string[]) =>
      String(Bun.spawnSync(["/bin/sh", "-c", script, "x", ...options]).stdout).trim();
    const snakeoil = ["req", "-new", "-keyout", "/etc/ssl/private/ssl-cert-snakeoil.key"];
    const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
    expect(made(...snakeoil)).toBe(`${snakeoil.join(" ")} ${key}`);
    expect(made("req", "-new", "-keyout", "/etc/x.key")).toBe("req -new -keyout /etc/x.key");
  });

  it("make the certificate store once in the base, with hooks", () => {
    const file = replacedInBase().find(({ path }) => path.endsWith("/update-ca-certificates"));
    const script = String(file?.bytes).replace("/usr/sbin/update-ca-certificates", "echo made");
    const made = (...options: string[]) =>
      String(Bun.spawnSync(["/bin/sh", "-c", script, "x", ...options]).stdout).trim();
    expect([made("--hooksdir", ""), made(), made("--fresh")]).toEqual(["", "made", "made --fresh"]);
  });
});
