import { type Digest, digestOf } from "../oci/digest.ts";
import type { LayerRules } from "./image-build.ts";
import { COMPRESSOR_IDENTITY } from "./layer-compression.ts";
import type { PackageRequest, PackageSource, Resolution } from "./package-source.ts";

/** Everything that an image depends on. Equal locks give equal images, byte for byte. */
export interface ImageLock {
  /** Canonical JSON: members in a fixed order, without white space. */
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

/** Change this when equal inputs would give a different image, or when locks have other members. */
export const FORMAT_VERSION = 4;

/** The lock of a resolved request to `source`, with the rules by which its parts become layers. */
export function createLock(
  source: PackageSource,
  request: PackageRequest,
  resolution: Pick<Resolution, "packages" | "lockInputs">,
  { plan, budget }: LayerRules,
): ImageLock {
  const lock = {
    formatVersion: FORMAT_VERSION,
    source: { name: source.name, formatVersion: source.formatVersion },
    compressor: COMPRESSOR_IDENTITY,
    plan: {
      kind: plan.kind,
      formatVersion: plan.formatVersion,
      budget,
      popularity: plan.popularityDigest,
    },
    platform: { os: request.platform.os, architecture: request.platform.architecture },
    packages: resolution.packages,
    ...resolution.lockInputs,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(lock));
  return { bytes, digest: digestOf(bytes) };
}

/** The lock of an index: those of its images, in order. */
export function joinLocks(locks: readonly ImageLock[]): ImageLock {
  const images = locks.map(({ digest }) => digest);
  const bytes = new TextEncoder().encode(JSON.stringify({ formatVersion: FORMAT_VERSION, images }));
  return { bytes, digest: digestOf(bytes) };
}
