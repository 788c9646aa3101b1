import type { Digest } from "../oci/digest.ts";

/** How an image was come by: made, linked from another name's, or found as it was. */
export type ImageOutcome = "built" | "linked" | "unchanged";

/** What a build has just done. Sizes are in bytes; events of layers that are made side by side interleave. */
export type BuildProgress =
  | { readonly kind: "resolve-started"; readonly packages: readonly string[] }
  | { readonly kind: "resolve-done"; readonly packageCount: number; readonly sizeBytes: number }
  | { readonly kind: "download"; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly kind: "plan-done"; readonly layerCount: number; readonly cachedLayerCount: number }
  | { readonly kind: "layer-started"; readonly layer: number; readonly packages: readonly string[] }
  | { readonly kind: "layer-done"; readonly layer: number; readonly sizeBytes: number }
  | { readonly kind: "image-done"; readonly digest: Digest; readonly outcome: ImageOutcome };

/** Is told of each step as it happens. Must not throw. */
export type ProgressListener = (event: BuildProgress) => void;
