import type { CachedLayer } from "../metadata/metadata-store.ts";
import type { ImageLayer } from "./image-assembly.ts";
import type { ImageRequest } from "./image-request.ts";
import { type LayerBuilder, type LayerOrder, layerKey } from "./layer-builder.ts";
import { planLayers } from "./layer-plan.ts";
import type { FetchedPackages, PackageSource, ResolvedPackage, StepContext } from "./package-source.ts";

interface PlannedLayer {
  readonly packages: readonly ResolvedPackage[];
  readonly key: string;
}

/** The layers of an image, lowest first, and the facts behind its last layer and settings. */
export interface BuiltLayers {
  readonly layers: readonly ImageLayer[];
  /** Facts of the package layers, in order. */
  readonly facts: readonly string[];
}

const NAMES_SHOWN = 6;

/** Plans a closure into at most `layerBudget` layers; takes each from the cache or makes it. */
export async function buildLayers(
  source: PackageSource,
  builder: LayerBuilder,
  request: ImageRequest,
  closure: readonly ResolvedPackage[],
  layerBudget: number,
  context: StepContext,
): Promise<BuiltLayers> {
  // One layer of the budget is for the last one.
  const planned = planLayers(closure, layerBudget - 1).map((packages) => ({
    packages,
    key: layerKey(
      source.formatVersion,
      packages.map((one) => one.sha256),
    ),
  }));
  const topKey = layerKey(source.formatVersion, [
    "top",
    request.platform.architecture,
    ...closure.map((one) => one.sha256).toSorted(),
  ]);
  const cached = await builder.findCached([topKey, ...planned.map(({ key }) => key)]);
  const layerCount = planned.length + 1;
  context.progress({ kind: "plan-done", layerCount, cachedLayerCount: cached.size });
  const packageLayers = await getPackageLayers(source, builder, request, planned, cached, context);
  const facts = packageLayers.map((layer) => layer.facts);
  const make = () => source.topLayer(request.platform, facts);
  const top =
    cached.get(topKey) ?? (await buildOne(builder, { key: topKey, make }, planned.length, [], context));
  return {
    facts,
    layers: [
      ...packageLayers.map((layer, index) => ({
        layer,
        createdBy: description(planned[index]?.packages ?? []),
      })),
      { layer: top, createdBy: "slipway: accounts, links, loader cache, package status" },
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

async function getPackageLayers(
  source: PackageSource,
  builder: LayerBuilder,
  request: ImageRequest,
  planned: readonly PlannedLayer[],
  cached: ReadonlyMap<string, CachedLayer>,
  context: StepContext,
): Promise<readonly CachedLayer[]> {
  const missing = planned.filter(({ key }) => !cached.has(key));
  if (missing.length === 0) return planned.flatMap(({ key }) => cached.get(key) ?? []);
  await using fetched = await source.fetch(
    missing.flatMap(({ packages }) => packages),
    request.platform,
    context,
  );
  return await buildAll(planned, context, async (layer, index, signal) => {
    const known = cached.get(layer.key);
    if (known !== undefined) return known;
    const names = layer.packages.map((one) => one.name);
    return buildOne(builder, packageOrder(source, layer, fetched), index, names, { ...context, signal });
  });
}

function packageOrder(source: PackageSource, layer: PlannedLayer, fetched: FetchedPackages): LayerOrder {
  return { key: layer.key, make: (signal) => source.packageLayer(layer.packages, fetched, signal) };
}

/** Runs all and waits for all: if one fails, the others stop before the package files are released. */
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

function description(packages: readonly ResolvedPackage[]): string {
  const names = packages.slice(0, NAMES_SHOWN).map((one) => `${one.name}=${one.version}`);
  const more = packages.length - names.length;
  return `slipway: ${names.join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
}
