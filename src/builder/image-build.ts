import type { CachedLayer } from "../metadata/ports/build-ledger.ts";
import type { ImageLayer } from "./image-assembly.ts";
import { type GrowingLayer, type LayerBuilder, type LayerOrder, layerKey } from "./layer-builder.ts";
import type { DerivedLayer, HeldParts, LayerBelow, Part, Resolution, StepContext } from "./package-source.ts";
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
 * A derived layer is made as soon as the archives of those below it have ended, beside the layers that come above it.
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
  const order = startOrder(planned);
  const missing = order
    .map((index) => planned[index] as PlannedLayer)
    .flatMap(({ key, parts = [] }) => (cached.has(key) ? [] : parts));
  const unpacking = resolution.derivedLayers.length === 0 ? undefined : builder.unpackingLayers();
  await using held = missing.length === 0 ? undefined : await resolution.hold(missing, context);
  const made = await buildAll(planned, order, context, ({ key, parts, derived }, index, lower, signal) => {
    const known = cached.get(key);
    if (known !== undefined)
      return { below: Promise.resolve(builder.below(known)), stored: Promise.resolve(known) };
    const step = { ...context, signal };
    if (derived === undefined) {
      const own = parts ?? [];
      const ready = (shared: AbortSignal) => (held as HeldParts).ready(own, shared);
      const make = (shared: AbortSignal) => (held as HeldParts).layer(own, shared);
      return buildOne(builder, { key, ready, make, unpacking }, index, own, step);
    }
    return later(Promise.all(lower), (below) => {
      const make = (shared: AbortSignal) => derived.make(below, { ...context, signal: shared });
      return buildOne(builder, { key, make, isDerived: true }, index, [], step);
    });
  });
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

function buildOne(
  builder: LayerBuilder,
  order: LayerOrder,
  layer: number,
  parts: readonly Part[],
  { progress, signal }: StepContext,
): GrowingLayer {
  const packages = parts.map(({ bucket }) => bucket);
  const { below, stored } = builder.build(order, signal, () =>
    progress({ kind: "layer-started", layer, packages }),
  );
  const done = stored.then((built) => {
    progress({ kind: "layer-done", layer, sizeBytes: built.descriptor.size });
    return built;
  });
  return { below, stored: done };
}

/** A layer that is begun when those below it are there. */
function later(
  lower: Promise<readonly LayerBelow[]>,
  build: (lower: readonly LayerBelow[]) => GrowingLayer,
): GrowingLayer {
  const growing = lower.then(build);
  const below = growing.then((layer) => layer.below);
  below.catch(() => {});
  return { below, stored: growing.then((layer) => layer.stored) };
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
 * Builds all layers and waits for all; each gets those before it, if `order` has them first. If one fails, the others are
 * stopped first, so that the caller can release the parts.
 */
async function buildAll(
  planned: readonly PlannedLayer[],
  order: readonly number[],
  context: StepContext,
  build: (
    layer: PlannedLayer,
    index: number,
    lower: readonly Promise<LayerBelow>[],
    signal: AbortSignal,
  ) => GrowingLayer,
): Promise<readonly CachedLayer[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const failures: unknown[] = [];
  const growing: GrowingLayer[] = [];
  for (const index of order) {
    const lower = growing.slice(0, index).map(({ below }) => below);
    const layer = build(planned[index] as PlannedLayer, index, lower, signal);
    growing[index] = layer;
    layer.stored.catch((cause: unknown) => {
      failures.push(cause);
      stop.abort(cause);
    });
  }
  const stored = growing.map((layer) => layer.stored);
  await Promise.allSettled(stored);
  if (failures.length > 0) throw failures[0];
  return await Promise.all(stored);
}

function contentOf(parts: readonly Part[]): string {
  const names = parts.slice(0, NAMES_SHOWN).map(({ label }) => label);
  const more = parts.length - names.length;
  return `${names.join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
}
