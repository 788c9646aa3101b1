import type { Digest } from "../oci/digest.ts";

/** How a build ended: the image was made, linked from another name, or already there. */
export type ImageOutcome = "built" | "linked" | "unchanged";

/** One step of a build. Sizes are in bytes. Events of the download and of layers that are made at the same time interleave. */
export type BuildProgress =
  | { readonly kind: "resolve-started"; readonly packages: readonly string[] }
  | { readonly kind: "resolve-done"; readonly packageCount: number; readonly sizeBytes: number }
  | { readonly kind: "only-unpacked"; readonly reason: string }
  | { readonly kind: "download"; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly kind: "plan-done"; readonly layerCount: number; readonly cachedLayerCount: number }
  | { readonly kind: "layer-started"; readonly layer: number; readonly packages: readonly string[] }
  | { readonly kind: "configure-started"; readonly stage: string; readonly packageCount: number }
  | { readonly kind: "configure-line"; readonly line: string }
  | { readonly kind: "layer-done"; readonly layer: number; readonly sizeBytes: number }
  | { readonly kind: "image-done"; readonly digest: Digest; readonly outcome: ImageOutcome };

/** Called for each step as it happens. Must not throw. */
export type ProgressListener = (event: BuildProgress) => void;
