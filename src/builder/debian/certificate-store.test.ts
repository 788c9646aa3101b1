import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { describeWith } from "../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { certificateStore } from "./certificate-store.ts";
import { x509SubjectHash } from "./x509-subject-hash.ts";

const OPENSSL = Bun.which("openssl");
const SUBJECTS = [
  "/CN=Plain",
  "/C=DE/O=  Many   Blanks  /CN=UPPER lower",
  "/CN=Grüße und mehr/emailAddress=Root@Example.COM",
  "/C=US/O=One+OU=Two/CN=Multi",
];

async function certificate(
  folder: string,
  subject: string,
): Promise<{ readonly pem: string; readonly hash: string }> {
  const file = join(folder, "certificate.pem");
  const key = join(folder, "key.pem");
  const make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-utf8", "-multivalue-rdn", "-days", "1"];
  const made = Bun.spawnSync([OPENSSL ?? "", ...make, "-subj", subject, "-keyout", key, "-out", file]);
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  const shown = Bun.spawnSync([OPENSSL ?? "", "x509", "-noout", "-hash", "-in", file]);
  return { pem: await Bun.file(file).text(), hash: shown.stdout.toString().trim() };
}

describeWith("a folder of certificates, as OpenSSL looks into it", OPENSSL !== null, "no openssl", () => {
  it("names each certificate by the hash of its subject", async () => {
    await using folder = await temporaryFolder("certificates");
    for (const subject of SUBJECTS) {
      const { pem, hash } = await certificate(folder.path, subject);
      const base64 = pem.replaceAll(/-----[^-]+-----|\s/g, "");
      expect(x509SubjectHash(Buffer.from(base64, "base64"))).toBe(hash);
    }
  });

  it("holds the bundle, a link for each, and a number for subjects that are equal", async () => {
    await using folder = await temporaryFolder("certificates");
    const one = await certificate(folder.path, "/CN=Same");
    const other = await certificate(folder.path, "/CN=Same");
    const prefix = "usr/share/ca-certificates/mozilla";
    const files = certificateStore(
      new Map([
        [`${prefix}/B (x).crt`, other.pem],
        [`${prefix}/A.crt`, one.pem],
      ]),
    );
    const links = Object.fromEntries(files.map((file) => [file.path, file.linkTarget]));
    expect(links[`etc/ssl/certs/${one.hash}.0`]).toBe("A.pem");
    expect(links[`etc/ssl/certs/${one.hash}.1`]).toBe("B_=x=.pem");
    expect(links["etc/ssl/certs/A.pem"]).toBe(`/${prefix}/A.crt`);
    const text = (path: string): string =>
      Buffer.from(files.find((file) => file.path === path)?.bytes ?? []).toString();
    expect(text("etc/ssl/certs/ca-certificates.crt")).toBe(one.pem + other.pem);
    expect(text("etc/ca-certificates.conf")).toBe("mozilla/A.crt\nmozilla/B (x).crt\n");
  });
});

describe("the hash of a subject", () => {
  it("is not computed for anything but a certificate", () => {
    expect(() => x509SubjectHash(Buffer.from("3003020101", "hex"))).toThrow("not a certificate");
    expect(() => x509SubjectHash(Buffer.from("30850000", "hex"))).toThrow("not a certificate");
  });
});
