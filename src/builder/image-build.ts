import type { CachedLayer } from "../metadata/ports/build-ledger.ts";
import type { ImageLayer } from "./image-assembly.ts";
import { type LayerBuilder, type LayerOrder, layerKey } from "./layer-builder.ts";
import type { Part, Resolution, StepContext } from "./package-source.ts";
import type { LayerPlan } from "./plan/layer-plan.ts";

/** How the parts of an image become layers. */
export interface LayerRules {
  readonly plan: LayerPlan;
  /** Maximum layers of an image, 2 to 120. */
  readonly budget: number;
}

interface PlannedLayer {
  readonly parts: readonly Part[];
  readonly key: string;
}

/** The layers of an image, lowest first, and the facts behind its last layer and settings. */
export interface BuiltLayers {
  readonly layers: readonly ImageLayer[];
  /** Facts of the layers below the last one, in order. */
  readonly facts: readonly string[];
}

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
  { plan, budget }: LayerRules,
  context: StepContext,
): Promise<BuiltLayers> {
  const { parts, lastLayer } = resolution;
  // One layer of the budget is for the last one.
  const planned = plan.plan(parts, budget - 1).map((group) => ({
    parts: group,
    key: layerKey(
      formatVersion,
      group.map((part) => part.contentKey),
    ),
  }));
  const lastKey = layerKey(formatVersion, ["top", ...lastLayer.inputs]);
  const cached = await builder.findCached([lastKey, ...planned.map(({ key }) => key)]);
  const layerCount = planned.length + 1;
  context.progress({ kind: "plan-done", layerCount, cachedLayerCount: cached.size });
  const partLayers = await getPartLayers(resolution, builder, planned, cached, context);
  const facts = partLayers.map((layer) => layer.facts);
  const make = (shared: AbortSignal) => lastLayer.make(facts, shared);
  const last =
    cached.get(lastKey) ?? (await buildOne(builder, { key: lastKey, make }, planned.length, [], context));
  return {
    facts,
    layers: [
      ...partLayers.map((layer, index) => ({
        layer,
        createdBy: description(planned[index]?.parts ?? []),
      })),
      { layer: last, createdBy: `slipway: ${lastLayer.description}` },
    ],
  };
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
