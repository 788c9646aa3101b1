import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { configureFailure } from "./dpkg-outcome.ts";

const PACKAGES = [{ name: "apt" }, { name: "libc6" }];
const INSTALLED = `Package: apt
Status: install ok installed
Description: it
 Status: lies in a description

Package: libc6
Status: install ok installed
`;

function failure(status: string | undefined, exitCode = 0, output = "") {
  return configureFailure({ exitCode, output, status }, PACKAGES);
}

describe("a run of the configure script", () => {
  it("succeeded if it ended with 0 and exactly the packages are installed", () => {
    expect(failure(INSTALLED)).toBeUndefined();
    expect(failure(`\n\n${INSTALLED}\n\n`)).toBeUndefined();
  });

  it.each([
    ["no status", undefined, undefined, "missing"],
    ["an empty status", "", "apt", "does not name it"],
    ["a package too few", INSTALLED.split("\n\n")[1], "apt", "does not name it"],
    [
      "a package too many",
      `${INSTALLED}\nPackage: evil\nStatus: install ok installed\n`,
      undefined,
      "another",
    ],
    ["a package twice", `${INSTALLED}\nPackage: apt\nStatus: install ok installed\n`, "apt", "twice"],
    ["another state", INSTALLED.replace("ok installed", "ok half-configured"), "apt", "half-configured"],
    ["a wish to keep it", INSTALLED.replace("install ok", "hold ok"), "apt", "hold ok installed"],
    ["waiting triggers", INSTALLED.replace("installed", "triggers-pending"), "apt", "triggers-pending"],
    ["two states", INSTALLED.replace("Status", "Status: x\nStatus"), "apt", "not clear"],
    ["two names", INSTALLED.replace("Status", "Package: x\nStatus"), "apt", "not clear"],
  ])("failed with %s", (_what, status, name, reason) => {
    expect(failure(status)).toMatchObject({ package: name, reason: expect.stringContaining(reason) });
  });

  it("names the first package that failed and its script, and shows nothing that follows from it", () => {
    const output = `Setting up other (1) ...
Setting up apt:amd64 (2.6) ...
no such user
dpkg: error processing package apt:amd64 (--configure):
 installed apt package post-installation script subprocess returned error exit status 3
`;
    const later = `dpkg: error processing package libc6 (--configure):
 dependency problems - leaving unconfigured
Errors were encountered while processing:
 apt
`;
    expect(failure(INSTALLED, 1, output + later)).toEqual({
      package: "apt",
      script: "postinst",
      exitCode: 1,
      reason: undefined,
      output: output.trimEnd(),
    });
  });

  it("names no script if the first error is of another kind", () => {
    const output = `dpkg: error processing package apt (--configure):
 dependency problems - leaving unconfigured
`;
    const later = `dpkg: error processing package libc6:amd64 (--configure):
 installed libc6:amd64 package post-installation script subprocess returned error exit status 3
`;
    expect(failure(INSTALLED, 1, output + later)).toMatchObject({
      package: "apt",
      script: undefined,
      output: output.trimEnd(),
    });
  });

  it("names the package whose preinst failed", () => {
    const output = "Setting up other (1) ...\nslipway: preinst of apt failed: 7\n";
    expect(failure(undefined, 1, output)).toMatchObject({ package: "apt", script: "preinst" });
  });

  it("names the package that was being set up when it was killed", () => {
    const output = "Setting up apt (1) ...\nSetting up libc6:amd64 (2.36-9+deb12u10) ...\n";
    expect(failure(undefined, 137, output)).toMatchObject({ package: "libc6", script: undefined });
  });

  it("names no package that cannot exist", () => {
    const output = "dpkg: error processing package ../../x (--configure):\n";
    expect(failure(undefined, 1, output)?.package).toBeUndefined();
  });

  it("shows the last lines, without what a terminal would obey", () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    const output = `${lines.join("\n")}\n\x1b[31mred\x1b[0m\x07\ta\rb\u202e\n\n`;
    expect(failure(undefined, 1, output)?.output).toBe([...lines.slice(12), "red a", "b"].join("\n"));
  });

  it("shows at most 4 KiB of any output, in whole characters", () => {
    const text = fc.string({ unit: fc.oneof(fc.string({ unit: "binary" }), fc.constant("é".repeat(999))) });
    fc.assert(
      fc.property(text, (output) => {
        const shown = failure(undefined, 1, output)?.output ?? "";
        expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(4096);
        expect(shown.split("\n").length).toBeLessThanOrEqual(20);
        expect(shown).not.toMatch(/(?!\n)\p{Cc}/u);
        expect(shown.isWellFormed()).toBe(true);
      }),
    );
  });

  it("judges a huge status in one pass, and refuses one without end", () => {
    const huge = `Package: apt\n${" x\n".repeat(1 << 20)}`;
    expect(failure(huge)).toMatchObject({ package: "apt", reason: "its state is not clear" });
    expect(failure("\n".repeat((32 << 20) + 1))?.reason).toContain("too long");
  });

  it("judges a status of any text", () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom("Package: apt", "Status: install ok installed", "\n"), fc.string()))
      .map((all) => all.join(""));
    fc.assert(
      fc.property(text, (status) => {
        expect(failure(status)).toBeDefined();
      }),
    );
  });
});
