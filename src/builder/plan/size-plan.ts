import { digestOf, encodedOf } from "../../oci/digest.ts";
import type { LayerPlan, PartGroups, PlanPart } from "./layer-plan.ts";

/** The share of the budget for base parts, and the share of each class's budget for buckets. */
const BASE_SHARE = 1 / 8;
const BUCKET_SHARE = 1 / 4;

/**
 * The default plan: uses as many layers as the budget allows, and gives each of the largest parts its own layer.
 *
 * There are two classes. Base parts come first and get an eighth of the budget, so their layers are the same in every
 * image. The other parts get the rest. If a class has no more parts than its budget, each part has its own layer.
 * Otherwise only the largest do. The others share buckets, a quarter of the budget, chosen by a hash of their name
 * without the version. So an additional part changes its own layer and at most one bucket. An update changes one layer,
 * unless it changes which parts are the largest.
 */
export const sizePlan: LayerPlan = {
  kind: "size",
  formatVersion: 1,

  plan<Part extends PlanPart>(parts: readonly Part[], budget: number): PartGroups<Part> {
    if (parts.length === 0) return [];
    if (budget <= 1) return [parts.toSorted(byId)];
    const base = planClass(
      parts.filter((part) => part.base),
      share(budget, BASE_SHARE),
    );
    const others = parts.filter((part) => !part.base);
    return [...base, ...planClass(others, budget - base.length)];
  },
};

function planClass<Part extends PlanPart>(parts: readonly Part[], budget: number): PartGroups<Part> {
  const ranked = parts.toSorted(bySize);
  if (ranked.length <= budget) return ranked.map((part) => [part]);
  const bucketCount = share(budget, BUCKET_SHARE);
  const aloneCount = budget - bucketCount;
  const buckets: Part[][] = Array.from({ length: bucketCount }, () => []);
  for (const part of ranked.slice(aloneCount)) buckets[bucketOf(part.bucket, bucketCount)]?.push(part);
  return [
    ...ranked.slice(0, aloneCount).map((part) => [part]),
    ...buckets.filter((bucket) => bucket.length > 0).map((bucket) => bucket.toSorted(byId)),
  ];
}

function share(budget: number, part: number): number {
  return Math.max(1, Math.floor(budget * part));
}

function bucketOf(name: string, bucketCount: number): number {
  return Number.parseInt(encodedOf(digestOf(name)).slice(0, 8), 16) % bucketCount;
}

/**
 * Sorts the largest first. Among equals, the name decides before the id, because the id can change with the version.
 */
function bySize(left: PlanPart, right: PlanPart): number {
  if (left.sizeBytes !== right.sizeBytes) return right.sizeBytes - left.sizeBytes;
  if (left.bucket !== right.bucket) return left.bucket < right.bucket ? -1 : 1;
  return byId(left, right);
}

function byId(left: PlanPart, right: PlanPart): number {
  return left.id < right.id ? -1 : 1;
}
