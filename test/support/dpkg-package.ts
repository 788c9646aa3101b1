import { type DpkgPackage, parseDpkgPackage } from "../../src/builder/debian/configure/dpkg-package.ts";

/** What a package for a test has beside its name. */
export interface PackageTraits {
  readonly preinst?: boolean;
  readonly triggers?: string;
  readonly conffiles?: DpkgPackage["conffiles"];
  /** More fields of its control stanza. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** A package for a test, of version 1 and for amd64. */
export function dpkgPackage(name: string, traits: PackageTraits = {}): DpkgPackage {
  const { preinst = false, triggers, conffiles = [], fields = {} } = traits;
  const all = { Package: name, Version: "1", Architecture: "amd64", ...fields };
  const control = Object.entries(all).map(([field, value]) => `${field}: ${value}\n`);
  return parseDpkgPackage(control.join(""), { hasPreinst: preinst, triggers, conffiles });
}
