import type { Platform } from "../oci/descriptor.ts";
import type { Reference } from "../oci/reference.ts";
import { isDigestReference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { isDebianPackageName } from "./debian/package-name.ts";

/** What an image name asks for. Two names that ask for the same give equal requests. */
export interface ImageRequest {
  readonly source: "apt";
  /** What was asked for and what the leading components add, each once, in ascending byte order. */
  readonly packages: readonly string[];
  readonly platform: Platform;
  /** The leading components that are no package names, in ascending byte order. */
  readonly metaPackages: readonly string[];
}

/** Most packages one name may ask for. */
export const MAX_REQUESTED_PACKAGES = 64;

const PREFIX = "apt/";
const BUILDABLE_TAG = "latest";

/** Leading components that add packages, as in Nixery. */
const PACKAGE_SETS: Readonly<Record<string, readonly string[]>> = {
  shell: ["bash", "coreutils", "less", "moreutils", "nano"],
};

/** Leading components that choose what the image runs on. */
const PLATFORMS: Readonly<Record<string, Platform>> = {
  amd64: { os: "linux", architecture: "amd64" },
  arm64: { os: "linux", architecture: "arm64" },
};

/** Whether a name is one to build from packages: by the text alone. Digests name what is stored already. */
export function isImageRequest(repository: RepositoryName, reference: Reference): boolean {
  return repository.startsWith(PREFIX) && !isDigestReference(reference);
}

/**
 * What the name `repository:reference` asks for; `defaultPlatform` when the name does not choose one.
 *
 * `_plus` stands for `+`, which a repository name cannot spell and no Debian name confuses: `g_plus_plus` is `g++`.
 *
 * @throws {RegistryError} `manifest-unknown` when nothing of that tag can be built
 * @throws {RegistryError} `package-unknown` when a component cannot be the name of a package
 */
export function parseImageRequest(
  repository: RepositoryName,
  reference: Reference,
  defaultPlatform: Platform,
): ImageRequest {
  if (!isImageRequest(repository, reference)) {
    throw new RegistryError("manifest-unknown", "this name is not one to build from packages");
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
    throw new RegistryError("manifest-unknown", "a name chooses one platform", {
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
    throw new RegistryError("package-unknown", "the name asks for no package", { detail: { packages } });
  }
  if (packages.length > MAX_REQUESTED_PACKAGES) {
    throw new RegistryError("package-unknown", `a name asks for at most ${MAX_REQUESTED_PACKAGES} packages`, {
      detail: { limit: MAX_REQUESTED_PACKAGES },
    });
  }
  return packages;
}
