import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { entryTime } from "./entry-time.ts";
import { normalisedAttribute } from "./extended-attributes.ts";
import { holdsPrivateKey, holdsPublicKey } from "./private-key.ts";
import { linkedCertificate, NORMALISE_RULES } from "./table.ts";
import { type ChangedEntry, MAX_REWRITTEN_BYTES, treatmentOf } from "./treatment.ts";

function file(path: string, sizeBytes = 100): ChangedEntry {
  return { path, type: "file", sizeBytes };
}

/** The marker of a key, in parts, so that no scanner takes this file for one. */
function key(
  kind: string,
  before = "",
  lines = ["MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"],
) {
  const marker = `${kind}PRIVATE ${"KEY"}`;
  return Buffer.from(`${before}-----BEGIN ${marker}-----\n${lines.join("\n")}\n-----END ${marker}-----\n`);
}

describe("an entry of what a stage changed", () => {
  it.each([
    "run/lock/apache2",
    "tmp/x",
    "dev/null",
    "usr/sbin/policy-rc.d",
    "var/log/dpkg.log",
    "var/log/journal/0123/system.journal",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/triggers/Lock",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/updates/0001",
    "var/lib/dpkg/tmp.ci/control",
    "var/cache/debconf/templates.dat-old",
    "var/cache/ldconfig/aux-cache",
    "etc/shadow-",
    "etc/xml/catalog.old",
    "var/lib/sgml-base/supercatalog.old",
    "etc/.pwd.lock",
    "etc/ssh/ssh_host_rsa_key.pub",
    "etc/ssl/private/ssl-cert-snakeoil.key",
    "etc/ssl/certs/ssl-cert-snakeoil.pem",
    "etc/dropbear/dropbear_ed25519_host_key",
    "etc/munge/munge.key",
    "etc/iscsi/initiatorname.iscsi",
    "etc/freeradius/3.0/certs/dh",
    "etc/mail/tls/sendmail-common.prm",
    "etc/pacemaker/authkey",
    "etc/tripwire/tw.pol",
    "etc/.git",
    "etc/.git/index",
    "var/lib/dbus/machine-id",
    "var/lib/openvswitch/pki/controllerca/cacert.pem",
    "var/lib/cfengine3/randseed",
    "var/lib/heimdal-kdc/m-key",
    "root/.rnd",
    "var/lib/rabbitmq/.erlang.cookie",
    "var/lib/systemd/random-seed",
    "var/lib/mysql/ibdata1",
    "var/lib/postgresql/15/main",
    "etc/postgresql/15/main/postgresql.conf",
  ])("is dropped: %s", (path) => {
    expect(treatmentOf(file(path)).kind).toBe("drop");
  });

  it.each([
    ["var/log/postgresql/postgresql-15-main.log", "empty"],
    ["var/log/wtmp", "empty"],
    ["etc/machine-id", "empty"],
    ["etc/shadow", "rewrite"],
    ["etc/ssl/certs/java/cacerts", "rewrite"],
    ["var/cache/fontconfig/28bb691fb1ee31bf790f05e6b97f9899-le64.cache-8", "rewrite"],
    ["etc/aliases.db", "rewrite"],
    ["var/lib/doc-base/info/files.yml", "rewrite"],
    ["var/lib/dpkg/status", "keep"],
    ["var/cache/debconf/config.dat", "keep"],
    ["usr/lib/python3/__pycache__/x.cpython-311.pyc", "keep-unless"],
    ["etc/mdadm/mdadm.conf", "rewrite"],
    ["var/lib/x", "search"],
  ] as const)("is known before it is read: %s, %s", (path, kind) => {
    expect(treatmentOf(file(path)).kind).toBe(kind);
  });

  it.each([
    "var/log/apache2",
    "var/lib/mysql",
    "var/lib/postgresql/15",
    "etc/postgresql/15",
    "var/lib/openvswitch/pki",
    "run",
    "tmp",
    "var/lib/dpkg/updates",
  ])("stays as a folder: %s", (path) => {
    expect(treatmentOf({ path, type: "directory", sizeBytes: 0 })).toEqual({ kind: "keep" });
  });

  it("has nobody who may write the machine's id", () => {
    expect(treatmentOf(file("etc/machine-id"))).toMatchObject({ kind: "empty", mode: 0o444 });
  });

  it("may be a certificate store's link to a certificate", () => {
    expect(linkedCertificate("etc/ssl/certs/0a1b2c3d.0", "x.pem")).toBe("etc/ssl/certs/x.pem");
    expect(linkedCertificate("etc/ssl/certs/0a1b2c3d.0", "/etc/x/y.pem")).toBe("etc/x/y.pem");
    expect(linkedCertificate("etc/dovecot/private/dovecot.pem", "x.pem")).toBeUndefined();
  });

  it("is never held in memory if it is large", () => {
    const sizes = fc.nat(2 * MAX_REWRITTEN_BYTES);
    fc.assert(
      fc.property(fc.constantFrom("etc/aliases.db", "etc/x", "a/cacerts"), sizes, (path, sizeBytes) => {
        const treatment = treatmentOf(file(path, sizeBytes));
        if (treatment.kind === "rewrite") expect(sizeBytes).toBeLessThanOrEqual(MAX_REWRITTEN_BYTES);
        else expect(treatment.kind).toBe("search");
      }),
    );
  });

  it("is decided by rules that give reasons, each once", () => {
    const patterns = NORMALISE_RULES.map(({ pattern }) => pattern.source);
    expect(new Set(patterns).size).toBe(patterns.length);
    for (const { reason } of NORMALISE_RULES) expect(reason).not.toBe("");
  });
});

describe("a private key", () => {
  it.each([
    ["of PKCS #8", key("")],
    ["of RSA", key("RSA ")],
    ["of OpenSSH", key("OPENSSH ")],
    ["with a password", key("RSA ", "", ["Proc-Type: 4,ENCRYPTED", "DEK-Info: DES,0", "", "AAAA".repeat(9)])],
    ["below a certificate", key("EC ", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")],
    ["with DOS line ends", Buffer.from(key("").toString().replaceAll("\n", "\r\n"))],
  ])("%s is found", (_what, bytes) => {
    expect(holdsPrivateKey(bytes)).toBe(true);
  });

  it.each([
    ["a certificate", "-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n"],
    ["a public key", "-----BEGIN PUBLIC KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n"],
    [
      "the marker in a program",
      `grep -e '-----BEGIN PRIVATE ${"KEY"}-----' file\nAAAAAAAAAAAAAAAAAAAAAAAA\n`,
    ],
    ["the marker with an ellipsis", `-----BEGIN PRIVATE ${"KEY"}-----\n...\n`],
  ])("is not %s", (_what, text) => {
    expect(holdsPrivateKey(Buffer.from(text))).toBe(false);
  });

  it.each([
    ["a certificate", "Certificate:\n  Data\n-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n", true],
    ["a public key", "-----BEGIN PUBLIC KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n", true],
    ["OpenSSH's public key", `ssh-ed25519 AAAA${"b".repeat(64)} root@localhost\n`, true],
    ["a list", "-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n".repeat(2), false],
    ["the marker alone", "-----BEGIN CERTIFICATE-----\n", false],
    ["a document", "ssh-keygen makes AAAA\n", false],
  ])("may have a public half: %s", (_what, text, isPublic) => {
    expect(holdsPublicKey(Buffer.from(text))).toBe(isPublic);
    expect(holdsPrivateKey(Buffer.from(text))).toBe(false);
  });

  it("is looked for in the begin only, in bytes of any kind", () => {
    expect(holdsPrivateKey(key("", `${"x".repeat(70_000)}\n`))).toBe(false);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => !holdsPrivateKey(bytes)));
  });
});

describe("the time of an entry", () => {
  const createdAt = new Date(5000);
  const packagedAt = new Date(3000);

  it("is the package's while the content is, and the image's otherwise", () => {
    expect(entryTime({ packagedAt, isPackagedContent: true }, createdAt)).toBe(packagedAt);
    expect(entryTime({ packagedAt, isPackagedContent: false }, createdAt)).toBe(createdAt);
    expect(entryTime({ packagedAt: undefined, isPackagedContent: false }, createdAt)).toBe(createdAt);
  });
});

describe("an extended attribute", () => {
  const plain = Buffer.from("0100000200200000000000000000000000000000", "hex");
  const namespaced = Buffer.from(`01000003${plain.toString("hex").slice(8)}00000170`, "hex");

  it("is a file capability that holds in any namespace", () => {
    expect(normalisedAttribute("security.capability", namespaced)).toEqual(plain);
    expect(normalisedAttribute("security.capability", plain)).toEqual(plain);
  });

  it("is dropped if it is anything else", () => {
    expect(normalisedAttribute("system.posix_acl_access", plain)).toBe("drop");
    expect(normalisedAttribute("user.x", plain)).toBe("drop");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const made = normalisedAttribute("security.capability", bytes);
        expect(made === "drop" ? 20 : made.length).toBe(20);
      }),
    );
  });
});
