import { RegistryError } from "../../oci/registry-error.ts";
import { isDebianPackageName } from "../debian/package-name.ts";

/** A package that a name asks for. */
export interface RequestedPackage {
  readonly name: string;
  /** The version to install; absent if any will do. */
  readonly version?: string | undefined;
}

/** Debian policy 5.6.12, without the `/` and `*` by which apt would read something else. */
const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+~:-]*$/;
const MAX_VERSION_LENGTH = 128;

/** Whether `text` is a package's name, or `NAME=VERSION`, and nothing else to apt. */
export function isPackageRequest(text: string): boolean {
  const { name, version } = parsePackageRequest(text);
  return (version === undefined || isPackageVersion(version)) && isDebianPackageName(name);
}

/** Whether `text` is a version of a package, and nothing else to apt. */
export function isPackageVersion(text: string): boolean {
  return text.length <= MAX_VERSION_LENGTH && VERSION.test(text);
}

/** Splits `NAME` or `NAME=VERSION`, which need not be valid. */
function parsePackageRequest(text: string): RequestedPackage {
  const sign = text.indexOf("=");
  return sign < 0 ? { name: text } : { name: text.slice(0, sign), version: text.slice(sign + 1) };
}

/**
 * The packages that a name asks for, by name.
 *
 * @throws {RegistryError} `package-conflict` if it asks for two versions of one
 */
export function parsePackageRequests(texts: readonly string[]): ReadonlyMap<string, RequestedPackage> {
  const packages = new Map<string, RequestedPackage>();
  for (const text of texts) {
    const wanted = parsePackageRequest(text);
    const other = packages.get(wanted.name);
    if (other?.version !== undefined && wanted.version !== undefined) {
      const versions = [other.version, wanted.version];
      throw new RegistryError("package-conflict", `the name asks for two versions of ${wanted.name}`, {
        detail: { package: wanted.name, versions },
      });
    }
    packages.set(wanted.name, { ...other, ...wanted });
  }
  return packages;
}
