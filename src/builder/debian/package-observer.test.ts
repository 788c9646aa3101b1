import { describe, expect, it } from "bun:test";
import type { PackageFacts } from "./package-facts.ts";
import { PackageObserver } from "./package-observer.ts";

/** The facts of a package with these files, by their paths in it. */
function factsOf(files: Readonly<Record<string, string>>, conffiles = ""): PackageFacts {
  const control = new Map([["conffiles", { bytes: Buffer.from(conffiles), mode: 0o644 }]]);
  const observer = new PackageObserver(control);
  observer.noteEntry("", "", new Date(0));
  for (const [packagedPath, text] of Object.entries(files)) {
    const path = packagedPath.replace(/^(?=(?:bin|lib|sbin)\/)/, "usr/");
    observer.noteEntry(path, packagedPath, new Date(0));
    const watcher = observer.watch(path, text.length);
    watcher?.push(Buffer.from(text));
    watcher?.finish();
  }
  return observer.facts();
}

describe("the facts of a package", () => {
  it("have its configuration files under the paths that it lists", () => {
    const { conffiles } = factsOf(
      { "lib/rules": "one\n", "etc/settings": "" },
      "/lib/rules\n/etc/settings\n/etc/absent\n",
    );
    expect(conffiles).toEqual([
      { path: "/lib/rules", md5: "5bbf5a52328e7439ae6e719dfe712200" },
      { path: "/etc/settings", md5: "d41d8cd98f00b204e9800998ecf8427e" },
    ]);
  });

  it("have the texts that scripts copy, unless the copy is in the package", () => {
    const profile = { "usr/share/base-files/profile": "PATH=/bin\n" };
    expect(factsOf(profile).texts).toEqual(profile);
    expect(factsOf({ ...profile, "etc/profile": "own\n" }).texts).toEqual({});
  });

  it("have the texts of configuration files that matter to others", () => {
    const { texts } = factsOf({ "etc/ld.so.conf": "/opt/lib\n" }, "/etc/ld.so.conf\n");
    expect(texts).toEqual({ "etc/ld.so.conf": "/opt/lib\n" });
  });

  it("say whether its script would choose a time zone", () => {
    const zone = { "usr/share/zoneinfo/Etc/UTC": "TZif" };
    expect(factsOf(zone).hasTimeZones).toBe(true);
    expect(factsOf({ ...zone, "etc/localtime": "TZif" }).hasTimeZones).toBe(false);
    expect(factsOf({}).hasTimeZones).toBe(false);
  });
});
