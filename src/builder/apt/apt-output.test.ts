import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { RegistryError } from "../../oci/registry-error.ts";
import {
  errorLines,
  fileProblem,
  listedRecords,
  loggedOutput,
  parsePackageRecords,
  parsePrintedUris,
  parseVersions,
  resolutionError,
} from "./apt-output.ts";

const SHA = "ab".repeat(32);

function summaryOf(count: number): string {
  return `0 upgraded, ${count} newly installed, 0 to remove and 0 not upgraded.`;
}

describe("what apt prints", () => {
  it("names the packages and versions it would fetch", () => {
    const printed = [
      "Reading package lists...",
      summaryOf(2),
      "'http://mirror.invalid/g%2b%2b_12.2.0-3_amd64.deb' g++_4%3a12.2.0-3_amd64.deb 1356 MD5Sum:00",
      `'http://mirror.invalid/curl_7.88.1-10%2bdeb12u8_amd64.deb' curl_7.88.1-10+deb12u8_amd64.deb 315404 SHA256:${SHA}`,
    ].join("\n");
    const curl = { name: "curl", version: "7.88.1-10+deb12u8", architecture: "amd64", sizeBytes: 315404 };
    const repositories = ["http://mirror.invalid/", "http://other.invalid/debian/"];
    const listed = parsePrintedUris(printed);
    const [file, address] = [
      "curl_7.88.1-10+deb12u8_amd64.deb",
      "http://mirror.invalid/curl_7.88.1-10%2bdeb12u8_amd64.deb",
    ];
    expect(listed).toEqual([
      { ...curl, address, sha256: SHA },
      {
        name: "g++",
        version: "4:12.2.0-3",
        architecture: "amd64",
        sizeBytes: 1356,
        address: expect.anything(),
        sha256: undefined,
      },
    ]);
    expect(listedRecords(listed, repositories)).toBeUndefined();
    expect(listedRecords(listed.slice(0, 1), repositories)).toEqual([
      { ...curl, file, sha256: SHA, provides: [] },
    ]);
  });

  it("tells the path in the nearest repository, if the address has one", () => {
    const repositories = ["http://mirror.invalid/debian/", "http://mirror.invalid/debian/more/"];
    const pathOf = (address: string) => {
      const [listed] = parsePrintedUris(`${summaryOf(1)}\n'${address}' a_1_all.deb 1 SHA256:${SHA}`);
      return listedRecords(listed === undefined ? [] : [listed], repositories)?.[0]?.file;
    };
    expect(pathOf("http://mirror.invalid/debian/pool/a%7e1.deb")).toBe("pool/a~1.deb");
    expect(pathOf("http://mirror.invalid/debian/more/./a.deb")).toBe("./a.deb");
    for (const odd of [
      "http://other.invalid/a.deb",
      "http://mirror.invalid/debian/a%zz.deb",
      "http://mirror.invalid/debian/%2e%2e/a.deb",
    ])
      expect(pathOf(odd)).toBeUndefined();
  });

  it("is read back whatever the names and versions", () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,20}$/);
    const version = fc.stringMatching(/^(?:[0-9]:)?[0-9][A-Za-z0-9.+~-]{0,20}$/);
    fc.assert(
      fc.property(name, version, (one, other) => {
        const line = `'http://mirror.invalid/x' ${one}_${other.replace(":", "%3a")}_all.deb 1 SHA256:${SHA}`;
        expect(parsePrintedUris(`${summaryOf(1)}\n${line}`)).toEqual([
          {
            name: one,
            version: other,
            architecture: "all",
            sizeBytes: 1,
            address: "http://mirror.invalid/x",
            sha256: SHA,
          },
        ]);
      }),
    );
  });

  it("is refused if a line of the list has an unknown form, with the line", () => {
    const known = "'http://mirror.invalid/a_1_all.deb' a_1_all.deb 1 SHA256:0";
    const refused = (...lines: readonly string[]) => {
      try {
        parsePrintedUris(lines.join("\n"));
      } catch (error) {
        return error instanceof RegistryError ? [error.fault, error.detail] : [error];
      }
      return [];
    };
    for (const odd of ["b_1_all.udeb 1", "b_1.deb 1", "b 1", "b_1_all.deb", "b_1_all.deb one SHA256:0", ""]) {
      const line = `'http://user:word@mirror.invalid/b' ${odd}`;
      expect(refused(summaryOf(1), known, line)).toEqual(["build-failed", { line: `'(address) ${odd}` }]);
    }
    const more = `${summaryOf(2)} (and then a list of 1)`;
    expect(refused(summaryOf(2), known)).toEqual(["build-failed", { line: more }]);
    expect(refused(known)).toEqual(["build-failed", { line: expect.stringContaining("a_1_all.deb") }]);
    expect(refused("")).toEqual(["build-failed", { line: "" }]);
    expect(refused(summaryOf(0))).toEqual([]);
  });

  it("tells the versions of a package, or which line is none", () => {
    const printed = " curl | 2 | file:/srv ./ Packages\n curl | 1 | file:/srv ./ Packages\n";
    expect(parseVersions(printed, "curl")).toEqual(["2", "1"]);
    expect(() => parseVersions("curl: 2", "curl")).toThrow("not understood");
  });

  it("pins each package to its digest", () => {
    const shown = `Package: curl\nVersion: 1\nArchitecture: amd64\nInstalled-Size: 3\nSize: 7\nSHA256: ${SHA}\nFilename: pool/c/curl_1.deb\nProvides: x (= 1), y\n\nPackage: curl\nVersion: 0\nSHA256: ${"0".repeat(64)}\n`;
    expect(parsePackageRecords(shown, [{ name: "curl", version: "1" }])).toEqual([
      {
        name: "curl",
        version: "1",
        architecture: "amd64",
        sha256: SHA,
        sizeBytes: 7,
        file: "pool/c/curl_1.deb",
        provides: ["x", "y"],
      },
    ]);
  });

  it("that lacks a digest, a size, an architecture or a path is refused", () => {
    const lines = [`SHA256: ${SHA}`, "Size: 7", "Architecture: all", "Filename: a/b.deb"];
    const parse = (some: readonly string[]) =>
      parsePackageRecords(["Package: curl", "Version: 1", ...some].join("\n"), [
        { name: "curl", version: "1" },
      ]);
    expect(parse(lines)).toHaveLength(1);
    for (const [index, what] of ["SHA-256", "size", "architecture", "usable path"].entries())
      expect(() => parse(lines.toSpliced(index, 1))).toThrow(`no ${what} for curl`);
    expect(() => parse(lines.with(1, "Size: seven"))).toThrow("no size for curl");
    expect(() => parse(lines.with(3, "Filename: a/../b.deb"))).toThrow("no usable path for curl");
  });

  it("tells every unknown package", () => {
    const error = resolutionError(
      "",
      "E: Unable to locate package b\nE: Package 'a' has no installation candidate\n",
    );
    expect(error.fault).toBe("package-unknown");
    expect(error.detail).toEqual({ packages: ["a", "b"] });
  });

  it("tells why packages conflict, in apt's words and without a path of this host", () => {
    const reason = "The following packages have unmet dependencies:\n a : Conflicts: b";
    const error = resolutionError(
      `Reading package lists...\n${reason}\n`,
      "E: Unable to correct problems, you have held broken packages.\n",
    );
    expect(error.fault).toBe("package-conflict");
    expect(error.detail).toEqual({ reason });
    const other = resolutionError("", "E: Could not open file /var/lib/x/lists - open\n");
    expect(other.fault).toBe("build-failed");
    expect(JSON.stringify(other.detail)).not.toContain("/var/lib");
  });

  it("tells a file that is not there, or has other bytes, from a repository that cannot be asked", () => {
    const after = (reason: string) =>
      fileProblem(`W: odd\nE: Failed to fetch http://mirror.invalid/404  ${reason}\nE: Download Failed\n`);
    for (const reason of [
      "404  Not Found [IP: 192.0.2.1 80]",
      "410  Gone [IP: 192.0.2.1 80]",
      "File not found - /srv/a b.deb (2: No such file or directory)",
      "File not found - /srv/a.deb (20: Not a directory)",
      "Failed to stat - stat (2: No such file or directory)",
    ])
      expect(after(reason)).toBe("absent");
    for (const reason of ["Hash Sum mismatch", "File has unexpected size (9 != 8). Mirror sync in progress?"])
      expect(after(reason)).toBe("other-bytes");
    for (const reason of [
      "403  Forbidden [IP: 192.0.2.1 80]",
      "503  404 Unavailable",
      "Could not connect to 192.0.2.1:80 (192.0.2.1). - connect (111: Connection refused)",
      "File not found - /srv/a.deb (13: Permission denied)",
      "",
    ])
      expect(after(reason)).toBeUndefined();
    expect(fileProblem("")).toBeUndefined();
  });

  it("reaches clients without the addresses of mirrors and without paths", () => {
    const lines = [
      "E: The repository 'file:/srv/secret stable Release' does not have a Release file.",
      "E: Failed to fetch http://user:word@mirror.invalid/secret/a.deb  404  Not Found [IP: 192.0.2.1 80]",
      "E: Failed to fetch mirror+file:/srv/secret/list  Unreadable",
      "E: Could not open lock file /secret=x/a@b/lock - open (13: Permission denied)",
    ];
    expect(errorLines(["W: a warning", ...lines].join("\n")).split("\n")).toEqual([
      "E: The repository '(address) stable Release' does not have a Release file.",
      "E: Failed to fetch (address)  404  Not Found [IP: 192.0.2.1 80]",
      "E: Failed to fetch (address)  Unreadable",
      "E: Could not open lock file (path) - open (13: Permission denied)",
    ]);
  });

  it("is logged without the credentials in its addresses", () => {
    expect(loggedOutput("E: http://user:p@ss@mirror.invalid/a@b file:/srv/a@b https://x.invalid")).toBe(
      "E: http://mirror.invalid/a@b file:/srv/a@b https://x.invalid",
    );
  });

  it("is logged without what it repeats, and not at any length", () => {
    const numbered = Array.from({ length: 30 }, (_, i) => `E: ${i}`);
    const lines = loggedOutput(["W: again\n".repeat(5000), ...numbered, "W: again"].join("\n")).split("\n");
    expect(lines).toEqual(numbered.slice(10));
    expect(loggedOutput("W: again\nW: again\nE: failed")).toBe("W: again\nE: failed");
  });
});
