import type { ByteSource } from "../oci/byte-source.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { ProgressListener } from "./build-progress.ts";

/** Whether a source works on this host: its version, or why not. */
export type SourceAvailability =
  | { readonly available: true; readonly detail: string }
  | { readonly available: false; readonly reason: string };

/** A request to resolve: which packages, for which platform. */
export interface PackageRequest {
  readonly packages: readonly string[];
  readonly platform: Platform;
}

/** One package of a closure, pinned to its bytes. */
export interface ResolvedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** SHA-256 of the package file, in hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly installedSizeBytes: number;
  /** Whether the distribution lets other packages depend on it without declaring it. */
  readonly essential: boolean;
  /** Whether it is in every image of this source and platform. */
  readonly base: boolean;
}

/** Progress and cancellation of a long step. */
export interface StepContext {
  readonly progress: ProgressListener;
  readonly signal: AbortSignal;
}

/** Verified package files on this host; dispose to remove them. */
export interface FetchedPackages extends AsyncDisposable {
  /** The path of a fetched package. */
  file(resolved: ResolvedPackage): string;
}

/** A layer in the making: its bytes, and the facts found in them. */
export interface LayerContent {
  /** The uncompressed archive; may be iterated once. */
  readonly archive: ByteSource;
  /** The facts of the layer's packages that {@link PackageSource.topLayer} needs; complete after the archive ended. */
  facts(): string;
}

/** The settings to run an image, and its timestamp. */
export interface ImageSettings {
  /** Newest modification time of the files, so that equal images have equal timestamps. */
  readonly createdAt: Date;
  readonly environment: readonly string[];
  readonly command?: readonly string[];
}

/** A package manager that resolves, downloads and unpacks packages. It runs nothing from the packages. */
export interface PackageSource {
  /** First component of the names it serves. */
  readonly name: string;
  /** Change this when the same packages would give different layers. */
  readonly formatVersion: string;

  available(): Promise<SourceAvailability>;

  /**
   * Checks that all packages of a request exist, without resolving it. That is cheap: once the package lists are loaded
   * it starts no program. A request that passes may still not resolve.
   *
   * Resolves to the revision of the package lists, which changes when they are refreshed.
   *
   * @throws {RegistryError} `package-unknown`, naming all of them; `build-failed`, `build-unavailable`, `storage-full`,
   * `storage-unavailable`
   */
  check(request: PackageRequest, signal?: AbortSignal): Promise<number>;

  /**
   * The closure of a request, in ascending order of name.
   *
   * @throws {RegistryError} `package-unknown`, `package-conflict`, `build-failed`, `build-unavailable`, `storage-full`
   */
  resolve(request: PackageRequest, context: StepContext): Promise<readonly ResolvedPackage[]>;

  /**
   * The files of packages, each verified against its SHA-256.
   *
   * @throws {RegistryError} `build-failed`
   */
  fetch(
    packages: readonly ResolvedPackage[],
    platform: Platform,
    context: StepContext,
  ): Promise<FetchedPackages>;

  /** The layer with `packages`; depends only on their bytes. */
  packageLayer(
    packages: readonly ResolvedPackage[],
    fetched: FetchedPackages,
    signal: AbortSignal,
  ): LayerContent;

  /** The last layer, with what belongs to no single package, made from the facts of all package layers in order. */
  topLayer(platform: Platform, facts: readonly string[]): LayerContent;

  settings(facts: readonly string[]): ImageSettings;
}
