import type { ByteSource } from "../oci/byte-source.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { ProgressListener } from "./build-progress.ts";

/** Whether a source can be used on this host, and which version of it, or why not. */
export type SourceAvailability =
  | { readonly available: true; readonly detail: string }
  | { readonly available: false; readonly reason: string };

/** What a closure is asked for. */
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
  /** Whether the distribution lets other packages rely on it without saying so. */
  readonly essential: boolean;
  /** Whether it is in every image of this source and platform, whatever was asked for. */
  readonly base: boolean;
}

/** What a long step reports to and is stopped by. */
export interface StepContext {
  readonly progress: ProgressListener;
  readonly signal: AbortSignal;
}

/** Verified package files on this host, kept until disposed of. */
export interface FetchedPackages extends AsyncDisposable {
  /** The file of a package that was fetched. */
  file(resolved: ResolvedPackage): string;
}

/** A layer about to be made: its bytes, and what was learned from them. */
export interface LayerContent {
  /** The uncompressed archive. Iterated once. */
  readonly archive: ByteSource;
  /** What {@link PackageSource.topLayer} needs to know of the layer's packages; complete once the archive ended. */
  facts(): string;
}

/** How an image of certain packages is run, and the time it bears. */
export interface ImageSettings {
  /** Newest modification among the files, so that equal images bear equal times. */
  readonly createdAt: Date;
  readonly environment: readonly string[];
  readonly command?: readonly string[];
}

/** A package manager that resolves, downloads and unpacks. It runs nothing out of the packages. */
export interface PackageSource {
  /** First component of the names it serves. */
  readonly name: string;
  /** Changes whenever the same packages would give other layers. */
  readonly formatVersion: string;

  available(): Promise<SourceAvailability>;

  /**
   * The closure of a request, in ascending order of name.
   *
   * @throws {RegistryError} `package-unknown`, `package-conflict`, `build-failed`, `build-unavailable`
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

  /** The layer that holds `packages`; depends on nothing but their bytes. */
  packageLayer(
    packages: readonly ResolvedPackage[],
    fetched: FetchedPackages,
    signal: AbortSignal,
  ): LayerContent;

  /** The last layer: what no package holds alone, made from the facts of all package layers in their order. */
  topLayer(platform: Platform, facts: readonly string[]): LayerContent;

  settings(facts: readonly string[]): ImageSettings;
}
