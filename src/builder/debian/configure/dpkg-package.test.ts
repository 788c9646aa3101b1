import { describe, expect, it } from "bun:test";
import { parseConffilePaths, parseDpkgPackage } from "./dpkg-package.ts";

const NOTHING = { hasPreinst: false, conffiles: [] };
const CONTROL = `Package: libc6
Source: glibc
Version: 1:2.36-9+deb12u10
Architecture: amd64
Multi-Arch: same
Essential: yes
Pre-Depends: libgcc-s1, init (>= 2~) | python3:any (>= 3.1) |xy
Depends: libcrypt1 (>= 1:4.4.10-10~),
  libz:amd64
Provides: libc6-2.36 (= 2.36), virtual
Replaces: libc6-amd64 (<< 2), old
Description: a library
 With a long
 .
 text: and a colon
`;

describe("a package's control stanza", () => {
  it("yields what the order of configuration needs", () => {
    const facts = {
      hasPreinst: true,
      triggers: "activate-noawait ldconfig\n",
      conffiles: [{ path: "/etc/a b", md5: "0".repeat(32) }],
    };
    expect(parseDpkgPackage(CONTROL, facts)).toEqual({
      ...facts,
      name: "libc6",
      version: "1:2.36-9+deb12u10",
      architecture: "amd64",
      multiArch: "same",
      essential: true,
      preDepends: [["libgcc-s1"], ["init", "python3", "xy"]],
      depends: [["libcrypt1"], ["libz"]],
      provides: ["libc6-2.36", "virtual"],
      replaces: ["libc6-amd64", "old"],
      control: CONTROL.trimEnd(),
      recordName: "libc6:amd64",
    });
  });

  it("may have its fields in any order, and few of them", () => {
    const one = parseDpkgPackage("Version: 1\nArchitecture: all\nPackage: ab", NOTHING);
    expect(one).toMatchObject({ name: "ab", recordName: "ab", essential: false, preDepends: [] });
  });

  it.each([
    ["nothing", ""],
    ["a second stanza", "Package: ab\nVersion: 1\nArchitecture: all\n\nPackage: cd"],
    ["a stanza behind a line of spaces", "Package: ab\nVersion: 1\nArchitecture: all\n \t\nPackage: cd"],
    ["a field twice", "Package: ab\nVersion: 1\nArchitecture: all\nversion: 2"],
    ["a line that is no field", "Package: ab\nVersion: 1\nArchitecture: all\nhello"],
    ["a comment", "Package: ab\nVersion: 1\nArchitecture: all\n#a: b"],
    ["a state", "Package: ab\nVersion: 1\nArchitecture: all\nStatus: install ok installed"],
    ["conffiles of its own", "Package: ab\nVersion: 1\nArchitecture: all\nConffiles:\n /etc/x 0"],
    ["no name", "Version: 1\nArchitecture: all"],
    ["an option as its name", "Package: -ab\nVersion: 1\nArchitecture: all"],
    ["a name of several words", "Package: ab cd\nVersion: 1\nArchitecture: all"],
    ["a pattern as its name", "Package: a*\nVersion: 1\nArchitecture: all"],
    ["a path as its architecture", "Package: ab\nVersion: 1\nArchitecture: ../x"],
    ["a version of several words", "Package: ab\nVersion: 1 2\nArchitecture: all"],
    ["a malformed relation", "Package: ab\nVersion: 1\nArchitecture: all\nDepends: c (>= 1"],
    ["an empty alternative", "Package: ab\nVersion: 1\nArchitecture: all\nDepends: cd |"],
  ])("is refused with %s", (_what, control) => {
    expect(() => parseDpkgPackage(control, NOTHING)).toThrow();
  });

  it("is refused with a conffile that would end its line", () => {
    const bad = [
      { path: "/etc/a\nStatus: x", md5: "0".repeat(32) },
      { path: "etc/a", md5: "0".repeat(32) },
      { path: "/etc/a", md5: "" },
    ];
    for (const one of bad) {
      const parse = () => parseDpkgPackage(CONTROL, { hasPreinst: false, conffiles: [one] });
      expect(parse).toThrow("conffile");
    }
  });
});

describe("a package's triggers", () => {
  it("are refused with the package if they are not valid", () => {
    const facts = { hasPreinst: false, triggers: "interest ../x\n", conffiles: [] };
    expect(() => parseDpkgPackage(CONTROL, facts)).toThrow("trigger line");
  });
});

describe("a list of conffiles", () => {
  it("keeps its order, and leaves out what an upgrade removes", () => {
    const text = "/etc/b\nremove-on-upgrade /etc/old\n/etc/a \n\n";
    expect(parseConffilePaths(text)).toEqual(["/etc/b", "/etc/a"]);
  });
});
