import type { Platform } from "../oci/descriptor.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Maximum packages in one name. */
export const MAX_REQUESTED_PACKAGES = 64;

/** Leading components that choose the platform, as in Nixery. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  amd64: { os: "linux", architecture: "amd64" },
  arm64: { os: "linux", architecture: "arm64" },
};

/** What the components of a name say. */
export interface NameComponents {
  /** The platform that the name chooses, if it does. */
  readonly platform: Platform | undefined;
  /** The components that name packages, as they are spelled. */
  readonly named: readonly string[];
  /** The packages that leading components add. */
  readonly added: readonly string[];
}

/**
 * Splits a name into leading components, which choose a platform or add a set of packages, and the packages that follow.
 *
 * @param packageSets the packages that a leading component adds, such as `shell`
 * @throws {RegistryError} `manifest-unknown` when the name chooses several platforms
 */
export function splitComponents(
  components: readonly string[],
  packageSets: Readonly<Record<string, readonly string[]>>,
): NameComponents {
  const leads = (component: string) =>
    Object.hasOwn(packageSets, component) || Object.hasOwn(PLATFORMS, component);
  const firstPackage = components.findIndex((component) => !leads(component));
  const end = firstPackage < 0 ? components.length : firstPackage;
  const leading = components.slice(0, end);
  return {
    platform: platformOf(leading),
    named: components.slice(end),
    added: leading.flatMap((component) => packageSets[component] ?? []),
  };
}

/**
 * Each package once, in ascending byte order.
 *
 * @throws {RegistryError} `package-unknown` when `isPossible` refuses one, or there are none or too many
 */
export function checkPackages(
  names: readonly string[],
  isPossible: (name: string) => boolean,
): readonly string[] {
  const packages = [...new Set(names)].toSorted();
  const impossible = packages.filter((name) => !isPossible(name));
  if (impossible.length > 0) {
    throw new RegistryError("package-unknown", `no package can be called ${impossible.join(", ")}`, {
      detail: { packages: impossible },
    });
  }
  if (packages.length === 0) {
    throw new RegistryError("package-unknown", "the name contains no package", { detail: { packages } });
  }
  if (packages.length > MAX_REQUESTED_PACKAGES) {
    throw new RegistryError(
      "package-unknown",
      `a name can contain at most ${MAX_REQUESTED_PACKAGES} packages`,
      { detail: { limit: MAX_REQUESTED_PACKAGES } },
    );
  }
  return packages;
}

function platformOf(leading: readonly string[]): Platform | undefined {
  const chosen = [...new Set(leading.filter((component) => Object.hasOwn(PLATFORMS, component)))];
  if (chosen.length > 1) {
    throw new RegistryError("manifest-unknown", "a name can choose only one platform", {
      detail: { platforms: chosen },
    });
  }
  return chosen[0] === undefined ? undefined : PLATFORMS[chosen[0]];
}
