import type { Platform } from "../../oci/descriptor.ts";
import type { Tag } from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { isDebianPackageName } from "../debian/package-name.ts";
import { checkPackages, requestedPlatforms, splitComponents } from "../name-components.ts";
import type { PackageRequest } from "../package-source.ts";

const ONLY_TAG = "latest";

/** Leading components that add packages, as in Nixery. */
const PACKAGE_SETS: Readonly<Record<string, readonly string[]>> = {
  shell: ["bash", "coreutils", "less", "moreutils", "nano"],
};

/**
 * Reads the components of a name after `apt/`, and its tag.
 *
 * `_plus` stands for `+`, which repository names cannot contain: `g_plus_plus` is `g++`. No Debian name contains `_`.
 *
 * @throws {RegistryError} `manifest-unknown` when the tag cannot be built
 * @throws {RegistryError} `package-unknown` when a component cannot be the name of a package
 */
export function readAptName(
  components: readonly string[],
  tag: Tag,
  defaultPlatform: Platform,
): PackageRequest {
  if (tag !== ONLY_TAG) {
    throw new RegistryError("manifest-unknown", `only the tag ${ONLY_TAG} is built on demand`, {
      detail: { tag },
    });
  }
  const { platforms, named, added } = splitComponents(components, PACKAGE_SETS);
  const spelledOut = named.map((component) => component.replaceAll("_plus", "+"));
  return {
    packages: checkPackages([...spelledOut, ...added], isDebianPackageName),
    ...requestedPlatforms(platforms, defaultPlatform),
    revision: ONLY_TAG,
  };
}

/** Writes a package's name as a component of an image's name: `g++` becomes `g_plus_plus`. */
export function writeAptName(name: string): string {
  return name.replaceAll("+", "_plus");
}
