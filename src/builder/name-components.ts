import type { Platform } from "../oci/descriptor.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { PackageRequest } from "./package-source.ts";

/** Maximum packages in one name. */
export const MAX_REQUESTED_PACKAGES = 64;

/** Leading components that choose a platform, as in Nixery. Several of them make an index. */
export const PLATFORMS: Readonly<Record<string, Platform>> = {
  amd64: { os: "linux", architecture: "amd64" },
  arm64: { os: "linux", architecture: "arm64" },
};

/** The meaning of a name's components. */
export interface NameComponents {
  /** The platforms that the name chooses, each once, in ascending order. */
  readonly platforms: readonly Platform[];
  /** The components that name packages, as they are spelled. */
  readonly named: readonly string[];
  /** The packages that leading components add. */
  readonly added: readonly string[];
}

/**
 * Splits a name into leading components, which choose platforms or add a set of packages, and the packages that follow.
 *
 * @param packageSets the packages that a leading component adds, such as `shell`
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
    platforms: platformsOf(leading),
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
    throw new RegistryError("package-unknown", `not a valid package name: ${impossible.join(", ")}`, {
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

function platformsOf(leading: readonly string[]): readonly Platform[] {
  return [...new Set(leading)].toSorted().flatMap((component) => PLATFORMS[component] ?? []);
}

/** The platforms of a request: those that its name chooses, or else `fallback`. */
export function requestedPlatforms(
  [platform, ...furtherPlatforms]: readonly Platform[],
  fallback: Platform,
): Pick<PackageRequest, "platform" | "furtherPlatforms"> {
  return {
    platform: platform ?? fallback,
    furtherPlatforms: furtherPlatforms.length > 0 ? furtherPlatforms : undefined,
  };
}
