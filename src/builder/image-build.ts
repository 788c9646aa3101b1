import type { CachedLayer } from "../metadata/ports/build-ledger.ts";
import type { ImageLayer } from "./image-assembly.ts";
import { type LayerBuilder, type LayerOrder, layerKey } from "./layer-builder.ts";
import type { DerivedLayer, HeldParts, Part, Resolution, StepContext } from "./package-source.ts";
import type { LayerPlan, PartGroups } from "./plan/layer-plan.ts";

/** How the parts of an image become layers. */
export interface LayerRules {
  readonly plan: LayerPlan;
  /** Maximum layers of an image, 5 to 120. */
  readonly budget: number;
}

/** A layer of an image, before it is taken from the cache or made. */
interface PlannedLayer {
  readonly key: string;
  /** What is in it, for people. */
  readonly content: string;
  /** Its parts; `undefined` for a derived layer. */
  readonly parts: readonly Part[] | undefined;
  /** How a derived layer is made from all layers below it. */
  readonly derived: DerivedLayer | undefined;
}

/** The layers of an image, lowest first, and the facts behind its settings. */
export interface BuiltLayers {
  readonly layers: readonly ImageLayer[];
  /** Facts of the layers of the image's parts, in order. */
  readonly facts: readonly string[];
}

/** The share of the budget for base parts, if the plan mixes them with others. */
const BASE_SHARE = 1 / 4;
const NAMES_SHOWN = 6;

/**
 * Groups the parts of a resolution into layers, and takes each layer from the cache or makes it.
 *
 * A derived layer is made as soon as those below it are there, beside the layers that come above it.
 *
 * @param formatVersion the format version of the source that made the resolution
 */
export async function buildLayers(
  formatVersion: string,
  resolution: Resolution,
  builder: LayerBuilder,
  rules: LayerRules,
  context: StepContext,
): Promise<BuiltLayers> {
  const planned = planLayers(formatVersion, resolution, rules);
  const cached = await builder.findCached(planned.map(({ key }) => key));
  context.progress({ kind: "plan-done", layerCount: planned.length, cachedLayerCount: cached.size });
  const missing = planned.filter(({ key }) => !cached.has(key)).flatMap(({ parts }) => parts ?? []);
  await using held = missing.length === 0 ? undefined : await resolution.hold(missing, context);
  const made = await buildAll<PlannedLayer, CachedLayer>(
    planned,
    startOrder(planned),
    context,
    async ({ key, parts, derived }, index, lower, signal) => {
      const known = cached.get(key);
      if (known !== undefined) return known;
      const step = { ...context, signal };
      if (derived === undefined) {
        const make = (shared: AbortSignal) => (held as HeldParts).layer(parts ?? [], shared);
        return await buildOne(builder, { key, make }, index, parts ?? [], step);
      }
      const below = (await Promise.all(lower)).map((layer) => builder.below(layer));
      const make = (shared: AbortSignal) => derived.make(below, { ...context, signal: shared });
      return await buildOne(builder, { key, make, isDerived: true }, index, [], step);
    },
  );
  return {
    layers: made.map((layer, index) => ({ layer, createdBy: `slipway: ${planned[index]?.content}` })),
    facts: made.filter((_, index) => planned[index]?.parts !== undefined).map(({ facts }) => facts),
  };
}

/** The layers of an image, lowest first. */
function planLayers(
  formatVersion: string,
  { parts, derivedLayers }: Resolution,
  rules: LayerRules,
): readonly PlannedLayer[] {
  const groups = groupParts(parts, derivedLayers, rules);
  const packaged = groups.map((group) => ({
    parts: group,
    key: layerKey(
      formatVersion,
      group.map((part) => part.contentKey),
    ),
    content: contentOf(group),
    derived: undefined,
  }));
  const above = (place: DerivedLayer["above"]) =>
    derivedLayers
      .filter((layer) => layer.above === place)
      .map((derived) => ({
        key: layerKey(formatVersion, derived.inputs),
        content: derived.description,
        parts: undefined,
        derived,
      }));
  const baseCount = groups.findLastIndex(isBase) + 1;
  return [...packaged.slice(0, baseCount), ...above("base"), ...packaged.slice(baseCount), ...above("all")];
}

/** Groups the parts. If a layer lies on the base parts alone, their groups come first and hold no other parts. */
function groupParts(
  parts: readonly Part[],
  derivedLayers: readonly DerivedLayer[],
  { plan, budget }: LayerRules,
): PartGroups<Part> {
  const groupBudget = budget - derivedLayers.length;
  const groups = plan.plan(parts, groupBudget);
  if (!derivedLayers.some(({ above }) => above === "base") || isSeparate(groups)) return groups;
  const base = plan.plan(
    parts.filter((part) => part.base),
    Math.max(1, Math.floor(groupBudget * BASE_SHARE)),
  );
  const others = parts.filter((part) => !part.base);
  return [...base, ...plan.plan(others, groupBudget - base.length)];
}

/** Whether the groups of base parts come first, and no group has base parts and others. */
function isSeparate(groups: PartGroups<Part>): boolean {
  let base = true;
  return groups.every((group) => {
    const isInOrder = base || !isBase(group);
    base = isBase(group);
    return isInOrder && (base || !group.some((part) => part.base));
  });
}

function isBase(group: readonly Part[]): boolean {
  return group.every(({ base }) => base);
}

async function buildOne(
  builder: LayerBuilder,
  order: LayerOrder,
  layer: number,
  parts: readonly Part[],
  { progress, signal }: StepContext,
): Promise<CachedLayer> {
  const packages = parts.map(({ bucket }) => bucket);
  const built = await builder.build(order, signal, () =>
    progress({ kind: "layer-started", layer, packages }),
  );
  progress({ kind: "layer-done", layer, sizeBytes: built.descriptor.size });
  return built;
}

/**
 * The indexes of the layers in the order in which they are begun. Base layers come first, because a derived layer waits
 * for them that takes long and leaves processors to the other layers. Large layers come first, so that none is left
 * over in the end. Derived layers come last, as they wait for others.
 */
function startOrder(planned: readonly PlannedLayer[]): readonly number[] {
  const rank = (index: number): number => {
    const { parts } = planned[index] as PlannedLayer;
    if (parts === undefined) return 2;
    return isBase(parts) ? 0 : 1;
  };
  const sizes = planned.map(({ parts = [] }) => parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  return [...planned.keys()].toSorted(
    (left, right) => rank(left) - rank(right) || (sizes[right] ?? 0) - (sizes[left] ?? 0) || left - right,
  );
}

/**
 * Runs all and waits for all; each gets the values of those before it, if `order` has them first. If one fails, the
 * others are stopped first, so that the caller can release the parts.
 */
async function buildAll<Item, Value>(
  items: readonly Item[],
  order: readonly number[],
  context: StepContext,
  build: (
    item: Item,
    index: number,
    earlier: readonly Promise<Value>[],
    signal: AbortSignal,
  ) => Promise<Value>,
): Promise<readonly Value[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const failures: unknown[] = [];
  const running: Promise<Value>[] = [];
  for (const index of order) {
    const value = build(items[index] as Item, index, running.slice(0, index), signal);
    running[index] = value;
    value.catch((cause: unknown) => {
      failures.push(cause);
      stop.abort(cause);
    });
  }
  await Promise.allSettled(running);
  if (failures.length > 0) throw failures[0];
  return await Promise.all(running);
}

function contentOf(parts: readonly Part[]): string {
  const names = parts.slice(0, NAMES_SHOWN).map(({ label }) => label);
  const more = parts.length - names.length;
  return `${names.join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
}
