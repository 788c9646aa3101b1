import type { ByteSource } from "../bytes/byte-source.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { Tag } from "../oci/reference.ts";
import type { ProgressListener } from "./build-progress.ts";
import type { PackageCatalog } from "./package-catalog.ts";
import type { Popularity } from "./plan/popularity.ts";

/** Whether a source works on this host: its version, or why not. */
export type SourceAvailability =
  | { readonly available: true; readonly detail: string }
  | { readonly available: false; readonly reason: string };

/** What an image's name asks of its source. Names that ask for the same image give equal requests. */
export interface PackageRequest {
  /** The named packages and those that leading components add; each once, in ascending byte order. */
  readonly packages: readonly string[];
  readonly platform: Platform;
  /** More platforms that the name chooses: what is built is an index then, of one image for each platform. */
  readonly furtherPlatforms?: readonly Platform[] | undefined;
  /** The state of the source's packages that is asked for, such as a branch or a commit; `latest` is the current one. */
  readonly revision: string;
}

/** One request for each platform that a request names. */
export function requestsByPlatform({
  furtherPlatforms = [],
  ...request
}: PackageRequest): readonly PackageRequest[] {
  return [request, ...furtherPlatforms.map((platform) => ({ ...request, platform }))];
}

/** What lists of software say of a part. */
export interface Software {
  readonly name: string;
  readonly version?: string | undefined;
  /** Its package URL (purl). */
  readonly purl: string;
  /** An SPDX licence expression. */
  readonly license?: string | undefined;
  readonly homepage?: string | undefined;
}

/** A part of an image's closure that goes into a layer as a whole: a package file, or a path of a store. */
export interface Part {
  /** Unique in the closure. */
  readonly id: string;
  /** What people call it, with its version: `curl=7.88.1-10`. */
  readonly label: string;
  /** Equal for all versions of a package, so that an update stays in its layer. */
  readonly bucket: string;
  readonly sizeBytes: number;
  /** Says which bytes it has in a layer: equal keys of one source and format mean equal bytes. */
  readonly contentKey: string;
  /** Whether it is in every image of this source and platform. */
  readonly base: boolean;
  /** Ids of the parts that it refers to, if the source knows them. */
  readonly references?: readonly string[];
  /** Whether the image was asked for by this part's name. */
  readonly requested?: boolean;
  readonly software?: Software;
}

/** Progress and cancellation of a long step. */
export interface StepContext {
  readonly progress: ProgressListener;
  readonly signal: AbortSignal;
}

/** A layer in the making: its bytes, and the facts found in them. */
export interface LayerContent {
  /** The uncompressed archive; may be iterated once. */
  readonly archive: ByteSource;
  /** What the last layer and the settings need to know of this one; complete after the archive ended. */
  facts(): string;
}

/**
 * Parts whose verified bytes are on this host until this is disposed of. A layer's archive breaks with a
 * {@link ResolutionOutdated} if they turn out to be others.
 */
export interface HeldParts extends AsyncDisposable {
  /** The layer with `parts`, which are among those held; depends only on their bytes. */
  layer(parts: readonly Part[], signal: AbortSignal): LayerContent;
}

/** What was resolved is not so any more: resolve again. */
export class ResolutionOutdated extends Error {
  override readonly name = "ResolutionOutdated";
}

/** The settings to run an image, and its timestamp. */
export interface ImageSettings {
  /** Newest modification time of the files, so that equal images have equal timestamps. */
  readonly createdAt: Date;
  readonly environment: readonly string[];
  readonly command?: readonly string[] | undefined;
}

/** The last layer of an image, with what belongs to no single part. */
export interface LastLayer {
  /** Everything that its bytes depend on, besides the source's format. */
  readonly inputs: readonly string[];
  /** What is in it, for people. */
  readonly description: string;
  /** Makes it from the facts of the layers below it, in order. */
  make(facts: readonly string[], signal: AbortSignal): LayerContent;
}

/**
 * A request, resolved to the parts of an image, and how its layers are made. Dispose of it when the image is made: what it
 * needs on this host is kept until then.
 */
export interface Resolution extends AsyncDisposable {
  /** What was asked for, by the names that the source knows it by, in ascending byte order. */
  readonly packages: readonly string[];
  /** In ascending byte order of their ids. */
  readonly parts: readonly Part[];
  /**
   * What the image depends on besides the request, the plan and the source's format, as JSON values in a fixed order.
   * Equal inputs give equal images.
   */
  readonly lockInputs: Readonly<Record<string, unknown>>;
  /** What is in the image, in one line. */
  readonly description: string;
  readonly lastLayer: LastLayer;
  /** How popular the source's packages are, if it was asked to know that. */
  readonly popularity?: Popularity | undefined;

  /**
   * Brings parts to this host and verifies them.
   *
   * @throws {ResolutionOutdated} if they are others than were resolved
   * @throws {RegistryError} `build-failed`, `build-unavailable`, `storage-full`
   */
  hold(parts: readonly Part[], context: StepContext): Promise<HeldParts>;

  /** The image's settings, from the facts of the layers below the last one, in order. */
  settings(facts: readonly string[]): ImageSettings;
}

/** A package manager that resolves and provides packages. Nothing from the packages runs outside of its control. */
export interface PackageSource {
  /** First component of the names it serves. */
  readonly name: string;
  /** Whether it also serves the names that begin with no source's name; at most one source does. */
  readonly servesRoot?: boolean;
  /** Change this when the same parts would give different layers. Differs between sources. */
  readonly formatVersion: string;
  /** A name that it can build, without a tag. */
  readonly example: string;

  available(): Promise<SourceAvailability>;

  /**
   * Reads a name from its text alone: the `components` after the source's own, and the tag. Uses `defaultPlatform` if
   * the name chooses none.
   *
   * @throws {RegistryError} `manifest-unknown` when the tag or the platform cannot be built; `package-unknown` when a
   * component cannot be the name of a package
   */
  read(components: readonly string[], tag: Tag, defaultPlatform: Platform): PackageRequest;

  /**
   * Checks a request without resolving it, as far as that is cheap. A request that passes may still not resolve.
   *
   * Resolves to a text that changes when the source's packages may have changed.
   *
   * @throws {RegistryError} `package-unknown`, naming all of them; `build-failed`, `build-unavailable`, `storage-full`,
   * `storage-unavailable`
   */
  check(request: PackageRequest, signal?: AbortSignal): Promise<string>;

  /**
   * The closure of a request.
   *
   * @throws {RegistryError} `package-unknown`, `package-conflict`, `build-failed`, `build-unavailable`, `storage-full`
   */
  resolve(request: PackageRequest, context: StepContext): Promise<Resolution>;

  /** Its packages for a platform, to search; absent if it cannot list them. */
  catalog?(platform: Platform): PackageCatalog;
}
