import { type Digest, digestOf } from "../oci/digest.ts";
import { COMPRESSOR_IDENTITY } from "./layer-compression.ts";
import type { PackageRequest, PackageSource, ResolvedPackage } from "./package-source.ts";

/** Everything that an image depends on: equal locks give equal images, bit for bit. */
export interface ImageLock {
  /** Canonical JSON: members in a fixed order, no blanks. */
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

/** Changes whenever equal inputs would give another image. */
const FORMAT_VERSION = 1;

/** The lock of a request that was resolved to `closure`, to be planned into at most `layerBudget` layers. */
export function createLock(
  source: PackageSource,
  request: PackageRequest,
  closure: readonly ResolvedPackage[],
  layerBudget: number,
): ImageLock {
  const lock = {
    formatVersion: FORMAT_VERSION,
    source: { name: source.name, formatVersion: source.formatVersion },
    compressor: COMPRESSOR_IDENTITY,
    layerBudget,
    platform: { os: request.platform.os, architecture: request.platform.architecture },
    packages: request.packages.toSorted(),
    closure: closure
      .toSorted((left, right) => (left.name < right.name ? -1 : 1))
      .map(({ name, version, architecture, sha256, sizeBytes, base }) => ({
        name,
        version,
        architecture,
        sha256,
        sizeBytes,
        base,
      })),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(lock));
  return { bytes, digest: digestOf(bytes) };
}
