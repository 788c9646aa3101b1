import type { Platform } from "../../oci/descriptor.ts";
import type { Tag } from "../../oci/reference.ts";
import { checkPackages, requestedPlatforms, splitComponents } from "../name-components.ts";
import type { PackageRequest } from "../package-source.ts";

/** Leading components that add packages, as in Nixery. */
const PACKAGE_SETS: Readonly<Record<string, readonly string[]>> = {
  shell: ["bashInteractive", "coreutils", "moreutils", "nano"],
};

/**
 * Reads the components of a name after `nix/`, and its tag, which chooses the revision of the package set.
 *
 * A component is an attribute of the set; dots lead into nested sets. The evaluation finds what it means, regardless of
 * letter case; see resolve.nix.
 *
 * @throws {RegistryError} `package-unknown` when the name contains no package, or too many
 */
export function readNixName(
  components: readonly string[],
  tag: Tag,
  defaultPlatform: Platform,
): PackageRequest {
  const { platforms, named, added } = splitComponents(components, PACKAGE_SETS);
  return {
    packages: checkPackages([...named, ...added], isAttributePath),
    ...requestedPlatforms(platforms, defaultPlatform),
    revision: tag,
  };
}

/** Holds for all components of repository names. The check makes sure that nothing else ever reaches an evaluation. */
function isAttributePath(name: string): boolean {
  return /^[A-Za-z0-9_]+(?:[._-]+[A-Za-z0-9_]+)*$/.test(name) && name.length <= 255;
}
