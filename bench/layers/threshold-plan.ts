import type { PlanPart } from "../../src/builder/plan/layer-plan.ts";
import { digestOf, encodedOf } from "../../src/oci/digest.ts";

const BASE_ALONE_BYTES = 1 << 20;
const OTHER_ALONE_BYTES = 1 << 19;

/**
 * Slipway's first plan, kept for comparison. Groups parts into at most `budget` layers (at least 1), so that related
 * images have most layers in common.
 *
 * Pure: the same parts in any order give the same groups in the same order. A large part gets a group of its own. A
 * small part goes to a bucket chosen by its name, so an additional part changes only one bucket. A third of the budget
 * is for base parts: their groups are the same in every image.
 */
export function planByThresholds<Part extends PlanPart>(
  parts: readonly Part[],
  budget: number,
): readonly (readonly Part[])[] {
  const ordered = parts.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  if (ordered.length === 0) return [];
  if (budget <= 1) return [ordered];
  const baseBudget = Math.max(1, Math.floor(budget / 3));
  const base = ordered.filter((part) => part.base);
  const others = ordered.filter((part) => !part.base);
  return [
    ...planClass(base, baseBudget, BASE_ALONE_BYTES),
    ...planClass(others, budget - baseBudget, OTHER_ALONE_BYTES),
  ];
}

function planClass<Part extends PlanPart>(
  parts: readonly Part[],
  budget: number,
  firstThreshold: number,
): readonly (readonly Part[])[] {
  const bucketCount = Math.max(1, Math.floor(budget / 4));
  // Use powers of two: then the limit rarely changes, so one more package does not regroup everything.
  let threshold = firstThreshold;
  while (countAtLeast(parts, threshold) > budget - bucketCount) threshold *= 2;
  const alone = parts.filter((part) => part.sizeBytes >= threshold).map((part) => [part]);
  const buckets: Part[][] = Array.from({ length: bucketCount }, () => []);
  for (const part of parts) {
    if (part.sizeBytes < threshold) buckets[bucketOf(part.bucket, bucketCount)]?.push(part);
  }
  return [...alone, ...buckets.filter((bucket) => bucket.length > 0)];
}

function countAtLeast(parts: readonly PlanPart[], sizeBytes: number): number {
  return parts.filter((part) => part.sizeBytes >= sizeBytes).length;
}

/** The number of the bucket that parts of this name go to. */
function bucketOf(name: string, bucketCount: number): number {
  return Number.parseInt(encodedOf(digestOf(name)).slice(0, 8), 16) % bucketCount;
}
