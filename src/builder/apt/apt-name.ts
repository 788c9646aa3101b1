import type { Platform } from "../../oci/descriptor.ts";
import type { Tag } from "../../oci/reference.ts";
import { checkPackages, requestedPlatforms, splitComponents } from "../name-components.ts";
import type { PackageRequest } from "../package-source.ts";
import { isPackageRequest } from "./apt-request.ts";

/** The tag for apt's own choice of versions. Any other is a suite. */
export const LATEST = "latest";

/** Leading components that add packages, as in Nixery. */
const PACKAGE_SETS: Readonly<Record<string, readonly string[]>> = {
  shell: ["bash", "coreutils", "less", "moreutils", "nano"],
};

/**
 * Reads the components of a name after `apt/`, and its tag.
 *
 * `_plus` stands for `+`, which repository names cannot contain: `g_plus_plus` is `g++`. A version follows two
 * underscores; in it `_tilde` and `_colon` stand for `~` and `:`. No Debian name or version contains `_`.
 *
 * @throws {RegistryError} `package-unknown` when a component cannot be the name of a package
 */
export function readAptName(
  components: readonly string[],
  tag: Tag,
  defaultPlatform: Platform,
): PackageRequest {
  const { platforms, named, added } = splitComponents(components, PACKAGE_SETS);
  const spelledOut = named.map(spellOut);
  return {
    packages: checkPackages([...spelledOut, ...added], isPackageRequest),
    ...requestedPlatforms(platforms, defaultPlatform),
    revision: tag,
  };
}

/** A component as apt writes it: `NAME`, or `NAME=VERSION`. */
function spellOut(component: string): string {
  const [name = "", version, ...more] = component.split("__");
  const spelled = [name, ...(version === undefined ? [] : [version]), ...more].map((text) =>
    text.replaceAll("_plus", "+").replaceAll("_tilde", "~").replaceAll("_colon", ":"),
  );
  return spelled.join("=");
}

/** Writes a package's name as a component of an image's name: `g++` becomes `g_plus_plus`. */
export function writeAptName(name: string): string {
  return name.replaceAll("+", "_plus");
}
