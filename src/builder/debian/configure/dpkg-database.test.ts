import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { dpkgPackage } from "../../../../test/support/dpkg-package.ts";
import { additionDatabase, baseDatabase, POLICY_PATH, STATUS_PATH } from "./dpkg-database.ts";

const BASE = [
  dpkgPackage("libc6", {
    triggers: "interest ldconfig\ninterest-noawait /usr/lib\n",
    fields: { "Multi-Arch": "same" },
  }),
  dpkgPackage("adduser", {
    triggers: "interest /etc/x\ninterest-noawait ldconfig\nactivate other\n",
    conffiles: [
      { path: "/etc/b.conf", md5: "b".repeat(32) },
      { path: "/etc/a.conf", md5: "a".repeat(32) },
    ],
  }),
];

function textOf(entries: ReturnType<typeof baseDatabase>, path: string): string | undefined {
  return entries.find((entry) => entry.path === path)?.text;
}

describe("dpkg's database of a base", () => {
  const entries = baseDatabase(BASE, "amd64");

  it("has the folders and files that dpkg needs, sorted", () => {
    expect(entries.map(({ path, type, mode, shipped }) => [path, type, mode, shipped])).toEqual([
      [POLICY_PATH, "file", 0o755, false],
      ["var/lib/dpkg/alternatives", "directory", 0o755, true],
      ["var/lib/dpkg/arch", "file", 0o644, true],
      ["var/lib/dpkg/info", "directory", 0o755, true],
      ["var/lib/dpkg/info/format", "file", 0o644, true],
      ["var/lib/dpkg/parts", "directory", 0o755, true],
      [STATUS_PATH, "file", 0o644, true],
      ["var/lib/dpkg/triggers", "directory", 0o755, true],
      ["var/lib/dpkg/triggers/File", "file", 0o644, true],
      ["var/lib/dpkg/triggers/ldconfig", "file", 0o644, true],
      ["var/lib/dpkg/updates", "directory", 0o755, true],
    ]);
  });

  it("lists every package as unpacked, with its conffiles in their order", () => {
    expect(textOf(entries, STATUS_PATH)).toBe(`Package: adduser
Status: install ok unpacked
Version: 1
Architecture: amd64
Conffiles:
 /etc/b.conf ${"b".repeat(32)}
 /etc/a.conf ${"a".repeat(32)}

Package: libc6
Status: install ok unpacked
Version: 1
Architecture: amd64
Multi-Arch: same

`);
  });

  it("has who waits for which trigger", () => {
    expect(textOf(entries, "var/lib/dpkg/triggers/File")).toBe(
      "/etc/x adduser\n/usr/lib libc6:amd64/noawait\n",
    );
    expect(textOf(entries, "var/lib/dpkg/triggers/ldconfig")).toBe("adduser/noawait\nlibc6:amd64\n");
  });

  it("does not depend on the order of the packages", () => {
    const names = ["aa", "bb", "cc", "dd"];
    const packages = names.map((name) => dpkgPackage(name, { triggers: "interest /usr\ninterest x\n" }));
    fc.assert(
      fc.property(fc.shuffledSubarray(packages, { minLength: packages.length }), (shuffled) => {
        expect(baseDatabase(shuffled, "arm64")).toEqual(baseDatabase(packages, "arm64"));
      }),
    );
  });
});

describe("dpkg's database of an addition", () => {
  const status =
    "Package: adduser\nStatus: install ok installed\n\nPackage: zz\nStatus: install ok installed\n\n";
  const conffiles = [{ path: "/etc/man.conf", md5: "c".repeat(32) }];
  const added = [dpkgPackage("man-db", { triggers: "interest /usr/share/man\n", conffiles })];
  const entries = additionDatabase(BASE, added, "amd64", status);

  it("keeps the stanzas of the base as they are, and sorts the new ones in, whose conffiles are new", () => {
    expect(textOf(entries, STATUS_PATH)).toBe(
      "Package: adduser\nStatus: install ok installed\n\n" +
        "Package: man-db\nStatus: install ok unpacked\nVersion: 1\nArchitecture: amd64\n" +
        "Conffiles:\n /etc/man.conf newconffile\n\n" +
        "Package: zz\nStatus: install ok installed\n\n",
    );
  });

  it("has the triggers of both", () => {
    expect(textOf(entries, "var/lib/dpkg/triggers/File")).toBe(
      "/etc/x adduser\n/usr/lib libc6:amd64/noawait\n/usr/share/man man-db\n",
    );
  });
});
