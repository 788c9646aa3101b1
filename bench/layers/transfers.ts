import type { PartGroups, PlanPart } from "../../src/builder/plan/layer-plan.ts";

/** The parts of each image, in the order in which a client pulls them. */
export type Images = readonly (readonly PlanPart[])[];

/** How a plan groups the parts of one image. */
export type Grouping = (parts: readonly PlanPart[], budget: number) => PartGroups<PlanPart>;

/**
 * Bytes that a client transfers for all images. It begins with the layers in `kept`, and keeps each layer that it
 * pulls.
 */
export function transferredBytes(
  images: Images,
  grouping: Grouping,
  budget: number,
  kept: ReadonlySet<string> = new Set(),
): number {
  const layers = new Map<string, number>();
  for (const parts of images) {
    const groups = grouping(parts, budget);
    checkGroups(groups, parts, budget);
    for (const group of groups) layers.set(layerOf(group), bytesOf(group));
  }
  return [...layers].reduce((sum, [layer, bytes]) => sum + (kept.has(layer) ? 0 : bytes), 0);
}

/** The layers of all images, for {@link transferredBytes}. */
export function layersOf(images: Images, grouping: Grouping, budget: number): ReadonlySet<string> {
  return new Set(images.flatMap((parts) => grouping(parts, budget).map(layerOf)));
}

/** Bytes of all parts of the images, each once: no plan can transfer less. */
export function unionBytes(images: Images): number {
  return bytesOf([...new Map(images.flat().map((part) => [part.id, part])).values()]);
}

/** Bytes of all images, as if nothing were shared. */
export function allBytes(images: Images): number {
  return bytesOf(images.flat());
}

function layerOf(group: readonly PlanPart[]): string {
  return group
    .map(({ id }) => id)
    .toSorted()
    .join(" ");
}

function bytesOf(parts: readonly PlanPart[]): number {
  return parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Checks a plan's groups: a plan that loses parts or makes too many layers would look better than it is. */
function checkGroups(groups: PartGroups<PlanPart>, parts: readonly PlanPart[], budget: number): void {
  const ids = new Set(groups.flat().map(({ id }) => id));
  if (groups.length > budget || ids.size !== parts.length || groups.flat().length !== parts.length)
    throw new Error(`a plan made ${groups.length} groups of ${parts.length} parts within ${budget}`);
}
