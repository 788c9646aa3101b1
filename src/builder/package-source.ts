import type { ByteSource } from "../bytes/byte-source.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import type { ProgressListener } from "./build-progress.ts";
import type { PackageCatalog } from "./package-catalog.ts";
import type { Popularity } from "./plan/popularity.ts";

/** Whether a source works on this host: its version, or why not. */
export type SourceAvailability =
  | { readonly available: true; readonly detail: string }
  | { readonly available: false; readonly reason: string };

/** The packages and platforms that an image's name asks for. Names for the same image give equal requests. */
export interface PackageRequest {
  /** The named packages and those that leading components add; each once, in ascending byte order. */
  readonly packages: readonly string[];
  readonly platform: Platform;
  /**
   * Further platforms that the name chooses. If there are any, the result is an index with one image for each platform.
   */
  readonly furtherPlatforms?: readonly Platform[] | undefined;
  /** The requested state of the source's packages, such as a branch or a commit; `latest` is the current one. */
  readonly revision: string;
}

/** One request for each platform that a request names. */
export function requestsByPlatform({
  furtherPlatforms = [],
  ...request
}: PackageRequest): readonly PackageRequest[] {
  return [request, ...furtherPlatforms.map((platform) => ({ ...request, platform }))];
}

/** What a software list says about a part. */
export interface Software {
  readonly name: string;
  readonly version?: string | undefined;
  /** Its package URL (purl). */
  readonly purl: string;
  /** An SPDX licence expression. */
  readonly license?: string | undefined;
  readonly homepage?: string | undefined;
}

/** A part of an image's closure that goes into one layer as a whole: a package file, or a path of a store. */
export interface Part {
  /** Unique in the closure. */
  readonly id: string;
  /** The name and version that people use, such as `curl=7.88.1-10`. */
  readonly label: string;
  /** Equal for all versions of a package, so that an update stays in its layer. */
  readonly bucket: string;
  readonly sizeBytes: number;
  /** Identifies its bytes in a layer: equal keys of one source and format mean equal bytes. */
  readonly contentKey: string;
  /** Whether it is in every image of this source and platform. */
  readonly base: boolean;
  /** Ids of the parts that it refers to, if the source knows them. */
  readonly references?: readonly string[];
  /** Whether the image's name names this part. */
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
  /** The uncompressed archive; can be iterated once. */
  readonly archive: ByteSource;
  /** What derived layers and the settings need to know about this layer; complete after the archive has ended. */
  facts(): string;
  /**
   * Called once, with the digest of the archive when the layer is stored, or with `undefined` if it could not be made.
   * Never fails.
   */
  settle?(diffId: Digest | undefined): Promise<void>;
}

/**
 * Parts whose bytes stay on this host until this is disposed of, as soon as they are there. If they turn out to have changed, or
 * they are gone and others are there, the layer's archive fails with {@link ResolutionOutdated}; if they cannot be brought
 * here, with what {@link Resolution.hold} throws.
 */
export interface HeldParts extends AsyncDisposable {
  /**
   * Resolves when these parts are there, before which their layer would only wait.
   *
   * @throws as {@link Resolution.hold}, or the signal's reason
   */
  ready(parts: readonly Part[], signal: AbortSignal): Promise<void>;
  /** The layer of some of the held parts; its bytes depend only on theirs. */
  layer(parts: readonly Part[], signal: AbortSignal): LayerContent;
}

/** A resolution is out of date. Resolve again. */
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

/** A stored layer, as layers above it see it. */
export interface LayerBelow {
  /** Digest of its uncompressed archive. */
  readonly diffId: Digest;
  /** See {@link LayerContent.facts}. */
  readonly facts: string;
  /** Its uncompressed archive. Fails unless that has the digest. */
  open(): ByteSource;
}

/** A layer with what belongs to no single part. It is made from the layers below it. */
export interface DerivedLayer {
  /** Whether it lies on the layers of the base parts, or on all layers. */
  readonly above: "base" | "all";
  /** Everything that its bytes depend on besides the source's format. Differs between the derived layers of an image. */
  readonly inputs: readonly string[];
  /** A description of its content, for people. */
  readonly description: string;
  /** Makes it from the layers below it, lowest first. */
  make(below: readonly LayerBelow[], context: StepContext): LayerContent;
}

/**
 * A request, resolved to the parts of an image, and how to make its layers. Keeps what it needs on this host; dispose
 * of it when the image is made.
 */
export interface Resolution extends AsyncDisposable {
  /** The requested packages, by the source's own names, in ascending byte order. */
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
  /** Those above the base parts come first. The last one lies on all layers. */
  readonly derivedLayers: readonly DerivedLayer[];
  /** How popular the source's packages are, if it is configured to provide that. */
  readonly popularity?: Popularity | undefined;

  /**
   * Brings parts to this host, those first that are first in the list. It need not wait for all.
   *
   * @throws {ResolutionOutdated} if their bytes differ from what was resolved, or they are gone and others are there
   * @throws {RegistryError} `build-failed`, `build-unavailable`, `storage-full`
   */
  hold(parts: readonly Part[], context: StepContext): Promise<HeldParts>;

  /** The image's settings, from the facts of the layers of its parts, in order. */
  settings(facts: readonly string[]): ImageSettings;
}

/** A package manager that resolves and provides packages. It controls everything that runs from the packages. */
export interface PackageSource {
  /** First component of the names it serves. */
  readonly name: string;
  /** Whether it also serves names that do not begin with a source's name; at most one source does. */
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
   * Checks a request without resolving it, as far as that is cheap. A request that passes can still fail to resolve.
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

  /**
   * The closure that a lock of this source and format names; absent if it cannot build from locks. Starts no program.
   * Its parts may no longer be there: {@link Resolution.hold} then fails with `package-unknown` and names all of them.
   *
   * @param inputs the {@link Resolution.lockInputs} of that lock, not checked
   * @throws {LockError} if they are damaged
   */
  resolveLocked?(request: PackageRequest, inputs: Readonly<Record<string, unknown>>): Resolution;

  /** Its packages for a platform, for searches; absent if it cannot list them. */
  catalog?(platform: Platform): PackageCatalog;
}
