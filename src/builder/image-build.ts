import type { CachedLayer } from "../metadata/ports/build-ledger.ts";
import type { ImageLayer } from "./image-assembly.ts";
import { type LayerBuilder, type LayerOrder, layerKey } from "./layer-builder.ts";
import type { DerivedLayer, Part, Resolution, StepContext } from "./package-source.ts";
import type { LayerPlan, PartGroups } from "./plan/layer-plan.ts";

/** How the parts of an image become layers. */
export interface LayerRules {
  readonly plan: LayerPlan;
  /** Maximum layers of an image, 4 to 120. */
  readonly budget: number;
}

interface PlannedLayer {
  readonly parts: readonly Part[];
  readonly key: string;
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
 * @param formatVersion the format version of the source that made the resolution
 */
export async function buildLayers(
  formatVersion: string,
  resolution: Resolution,
  builder: LayerBuilder,
  rules: LayerRules,
  context: StepContext,
): Promise<BuiltLayers> {
  const { parts, derivedLayers } = resolution;
  const groups = groupParts(parts, derivedLayers, rules);
  const planned = groups.map((group) => ({
    parts: group,
    key: layerKey(
      formatVersion,
      group.map((part) => part.contentKey),
    ),
  }));
  const derived = derivedLayers.map((layer) => ({ layer, key: layerKey(formatVersion, layer.inputs) }));
  const cached = await builder.findCached([...derived, ...planned].map(({ key }) => key));
  const layerCount = planned.length + derived.length;
  context.progress({ kind: "plan-done", layerCount, cachedLayerCount: cached.size });
  const partLayers = await getPartLayers(resolution, builder, planned, cached, context);
  const described = partLayers.map((layer, index) => ({
    layer,
    createdBy: description(planned[index]?.parts ?? []),
  }));
  const baseCount = groups.findLastIndex((group) => group.every(({ base }) => base)) + 1;
  const layers = [...described.slice(0, baseCount)];
  const rest = described.slice(baseCount);
  for (const [index, { layer, key }] of derived.entries()) {
    if (layer.above === "all") layers.push(...rest.splice(0));
    const below = layers.map((one) => builder.below(one.layer));
    const make = (shared: AbortSignal) => layer.make(below, { ...context, signal: shared });
    const built =
      cached.get(key) ?? (await buildOne(builder, { key, make }, planned.length + index, [], context));
    layers.push({ layer: built, createdBy: `slipway: ${layer.description}` });
  }
  return { facts: partLayers.map((layer) => layer.facts), layers };
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
    const isBase = group.every((part) => part.base);
    const isInOrder = base || !isBase;
    base = isBase;
    return isInOrder && (isBase || !group.some((part) => part.base));
  });
}

async function buildOne(
  builder: LayerBuilder,
  order: LayerOrder,
  layer: number,
  packages: readonly string[],
  { progress, signal }: StepContext,
): Promise<CachedLayer> {
  const built = await builder.build(order, signal, () =>
    progress({ kind: "layer-started", layer, packages }),
  );
  progress({ kind: "layer-done", layer, sizeBytes: built.descriptor.size });
  return built;
}

async function getPartLayers(
  resolution: Resolution,
  builder: LayerBuilder,
  planned: readonly PlannedLayer[],
  cached: ReadonlyMap<string, CachedLayer>,
  context: StepContext,
): Promise<readonly CachedLayer[]> {
  const missing = planned.filter(({ key }) => !cached.has(key));
  if (missing.length === 0) return planned.flatMap(({ key }) => cached.get(key) ?? []);
  await using held = await resolution.hold(
    missing.flatMap(({ parts }) => parts),
    context,
  );
  return await buildAll(planned, context, async ({ key, parts }, index, signal) => {
    const known = cached.get(key);
    if (known !== undefined) return known;
    const make = (shared: AbortSignal) => held.layer(parts, shared);
    const names = parts.map(({ bucket }) => bucket);
    return buildOne(builder, { key, make }, index, names, { ...context, signal });
  });
}

/** Runs all and waits for all. If one fails, the others are stopped first, so that the caller can release the parts. */
async function buildAll<Item, Value>(
  items: readonly Item[],
  context: StepContext,
  build: (item: Item, index: number, signal: AbortSignal) => Promise<Value>,
): Promise<readonly Value[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const failures: unknown[] = [];
  const values = await Promise.all(
    items.map((item, index) =>
      build(item, index, signal).catch((cause: unknown) => {
        failures.push(cause);
        stop.abort(cause);
        return undefined;
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
  return values.filter((value) => value !== undefined) as readonly Value[];
}

function description(parts: readonly Part[]): string {
  const names = parts.slice(0, NAMES_SHOWN).map(({ label }) => label);
  const more = parts.length - names.length;
  return `slipway: ${names.join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
}
