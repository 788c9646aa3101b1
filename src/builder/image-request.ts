import type { Platform } from "../oci/descriptor.ts";
import type { Reference } from "../oci/reference.ts";
import { isDigestReference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { isDebianPackageName } from "./debian/package-name.ts";

/** The request that an image name stands for. Names that ask for the same image give equal requests. */
export interface ImageRequest {
  readonly source: "apt";
  /** The named packages and those that leading components add; each once, in ascending byte order. */
  readonly packages: readonly string[];
  readonly platform: Platform;
  /** The leading components that are not package names, in ascending byte order. */
  readonly metaPackages: readonly string[];
}

/** Maximum packages in one name. */
export const MAX_REQUESTED_PACKAGES = 64;

const PREFIX = "apt/";
const BUILDABLE_TAG = "latest";

/** Leading components that add packages, as in Nixery. */
const PACKAGE_SETS: Readonly<Record<string, readonly string[]>> = {
  shell: ["bash", "coreutils", "less", "moreutils", "nano"],
};

/** Leading components that choose the platform. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  amd64: { os: "linux", architecture: "amd64" },
  arm64: { os: "linux", architecture: "arm64" },
};

/** Whether a name stands for an image to build. Looks only at the text. A digest never does: it names stored content. */
export function isImageRequest(repository: RepositoryName, reference: Reference): boolean {
  return repository.startsWith(PREFIX) && !isDigestReference(reference);
}

/**
 * Parses `repository:reference`. Uses `defaultPlatform` if the name does not choose a platform.
 *
 * `_plus` stands for `+`, which repository names cannot contain: `g_plus_plus` is `g++`. No Debian name contains `_`.
 *
 * @throws {RegistryError} `manifest-unknown` when the tag cannot be built, or the name chooses several platforms
 * @throws {RegistryError} `package-unknown` when a component cannot be the name of a package
 */
export function parseImageRequest(
  repository: RepositoryName,
  reference: Reference,
  defaultPlatform: Platform,
): ImageRequest {
  if (!isImageRequest(repository, reference)) {
    throw new RegistryError("manifest-unknown", "no image is built under this name");
  }
  if (reference !== BUILDABLE_TAG) {
    throw new RegistryError("manifest-unknown", `only the tag ${BUILDABLE_TAG} is built on demand`, {
      detail: { tag: reference },
    });
  }
  const components = repository.slice(PREFIX.length).split("/");
  const firstPackage = components.findIndex((component) => !isMeta(component));
  const meta = firstPackage < 0 ? components : components.slice(0, firstPackage);
  const named = firstPackage < 0 ? [] : components.slice(firstPackage).map(packageName);
  return {
    source: "apt",
    packages: checkedPackages([...named, ...meta.flatMap((component) => PACKAGE_SETS[component] ?? [])]),
    platform: platformOf(meta) ?? defaultPlatform,
    metaPackages: [...new Set(meta)].toSorted(),
  };
}

function isMeta(component: string): boolean {
  return Object.hasOwn(PACKAGE_SETS, component) || Object.hasOwn(PLATFORMS, component);
}

function packageName(component: string): string {
  return component.replaceAll("_plus", "+");
}

function platformOf(meta: readonly string[]): Platform | undefined {
  const chosen = [...new Set(meta.filter((component) => Object.hasOwn(PLATFORMS, component)))];
  if (chosen.length > 1) {
    throw new RegistryError("manifest-unknown", "a name can choose only one platform", {
      detail: { platforms: chosen },
    });
  }
  return chosen[0] === undefined ? undefined : PLATFORMS[chosen[0]];
}

function checkedPackages(names: readonly string[]): readonly string[] {
  const packages = [...new Set(names)].toSorted();
  const impossible = packages.filter((name) => !isDebianPackageName(name));
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
      {
        detail: { limit: MAX_REQUESTED_PACKAGES },
      },
    );
  }
  return packages;
}
