import type { Platform } from "../../oci/descriptor.ts";
import type { DerivedLayer, LayerContent } from "../package-source.ts";
import type { PackageFiles } from "./package-files.ts";

/** A package of an image's closure, as a finisher sees it. */
export interface FinishedPackage {
  readonly name: string;
  /** SHA-256 of the package file, in hex. */
  readonly sha256: string;
  /** Whether it is in every image of its platform. */
  readonly base: boolean;
}

/** How one image is finished. */
export interface Finish {
  /** Part of the image's lock. */
  readonly mode: "unpacked" | "configured";
  /** Why the packages are only unpacked, although this host configures those of other images; for people. */
  readonly unpackedBecause?: string;
  /** Change this when the same packages would give different layers. Part of the image's lock. */
  readonly formatVersion: number;
  /** The layers besides those of the packages, in order. */
  readonly layers: readonly DerivedLayer[];
  /** Observes a layer of packages while it is made, for the sake of {@link layers}; by default nothing does. */
  watch?(content: LayerContent, signal: AbortSignal): LayerContent;
}

/** Turns unpacked packages into a system that works: makes what their scripts would make. */
export interface ImageFinisher {
  /**
   * Plans the finish of an image with these packages. If `mode` is not possible, the result has another.
   *
   * @param files gives the packages' files again while layers are made
   * @param mode by default, the packages are configured if possible
   */
  finish(
    platform: Platform,
    closure: readonly FinishedPackage[],
    files: PackageFiles,
    mode?: Finish["mode"],
  ): Finish;
}
