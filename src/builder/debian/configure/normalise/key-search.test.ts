import { describe, expect, it } from "bun:test";
import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import { KeySearch } from "./key-search.ts";

/** The marker of a key, in parts, so that no scanner takes this file for one. */
const PRIVATE = `-----BEGIN PRIVATE ${"KEY"}-----\n${"A".repeat(64)}\n`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----\n${"A".repeat(64)}\n`;

type FakeEntry = Partial<StreamedEntry> & { readonly path: string };

function found(...entries: readonly [FakeEntry | string, string][]): readonly string[] {
  const search = new KeySearch();
  for (const [entry, text] of entries) {
    const facts = typeof entry === "string" ? { path: entry } : entry;
    const { path, ...rest } = { type: "file" as const, size: text.length, ...facts };
    if (search.concerns({ path, ...rest } as StreamedEntry)) search.look(path, Buffer.from(text));
  }
  return [...search.found()].toSorted();
}

describe("the search for keys", () => {
  it("finds a private key under any name, also one that suggests a database", () => {
    expect(found(["etc/x/any", PRIVATE], ["etc/x.db", PRIVATE], ["etc/y", "text"])).toEqual([
      "etc/x.db",
      "etc/x/any",
    ]);
  });

  it("finds the certificate beside a key, whichever comes first, and one of the same name elsewhere", () => {
    const all = [
      ["etc/nsd/nsd_a.pem", CERTIFICATE],
      ["etc/nsd/nsd_b.key", PRIVATE],
      ["etc/ssl/certs/server.crt", CERTIFICATE],
      ["etc/ssl/private/server.key", PRIVATE],
    ] as const;
    expect(found(...all.map(([path, text]): [string, string] => [path, text]))).toEqual(
      all.map(([path]) => path),
    );
  });

  it("leaves certificates alone that no key was made for, and lists of them", () => {
    expect(
      found(
        ["etc/ssl/certs/ca-certificates.crt", CERTIFICATE.repeat(2)],
        ["etc/ssl/certs/x.pem", PRIVATE],
        ["usr/share/ca/root.crt", CERTIFICATE],
      ),
    ).toEqual(["etc/ssl/certs/x.pem"]);
  });

  it("leaves alone what a package itself has, and what dpkg quotes", () => {
    expect(
      found(
        [{ path: "usr/share/doc/x/sample.key", isUnmodified: true }, PRIVATE],
        ["var/lib/dpkg/info/x.postinst", PRIVATE],
      ),
    ).toEqual([]);
  });
});
