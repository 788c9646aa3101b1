import { availableParallelism } from "node:os";
import { type ByteSource, bodyChunks } from "../bytes/byte-source.ts";
import { Semaphore } from "../concurrency/semaphore.ts";
import { SingleFlight } from "../concurrency/single-flight.ts";
import type { BuildLedger, CachedLayer } from "../metadata/ports/build-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { ImageRegistry } from "../registry/image-registry.ts";
import type { GzipThreads } from "./gzip-threads.ts";
import { COMPRESSOR_IDENTITY, compressArchive, decompressArchive } from "./layer-compression.ts";
import type { LayerBelow, LayerContent } from "./package-source.ts";

/** A layer to take from the cache or to make. */
export interface LayerOrder {
  readonly key: string;
  readonly make: (signal: AbortSignal) => LayerContent;
  /** A derived layer is made at once. Each build makes one of them at a time. */
  readonly isDerived?: boolean;
}

/**
 * Enough to keep all processors busy: a layer has a program that unpacks, the server's thread, and threads that compress.
 * With more on two processors, derived layers, for which a build waits in the end, would get too little of them.
 */
const LAYERS_AT_ONCE = Math.min(4, Math.max(2, availableParallelism()));

/** The cache key of a layer: a digest over everything its bytes depend on, in the order of `inputs`. */
export function layerKey(formatVersion: string, inputs: readonly string[]): string {
  return digestOf(JSON.stringify([formatVersion, COMPRESSOR_IDENTITY, ...inputs]));
}

/** Takes layers from the cache, and makes each missing one once, however many builds need it. */
export class LayerBuilder {
  readonly #registry: ImageRegistry;
  readonly #ledger: BuildLedger;
  readonly #gzip: GzipThreads;
  readonly #running = new SingleFlight<CachedLayer>();
  readonly #limit = new Semaphore({ places: LAYERS_AT_ONCE });

  constructor(registry: ImageRegistry, ledger: BuildLedger, gzip: GzipThreads) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#gzip = gzip;
  }

  /** The cached layers among `keys` whose blobs can be served. */
  async findCached(keys: readonly string[]): Promise<ReadonlyMap<string, CachedLayer>> {
    const found = await this.#ledger.findLayers(keys);
    const servable = await Promise.all(
      [...found].map(async (entry) => ((await this.#registry.holds(entry[1].descriptor)) ? [entry] : [])),
    );
    return new Map(servable.flat());
  }

  /**
   * Makes a layer, stores it, and then records it in the cache.
   *
   * Concurrent calls for the same layer share one result; only the call that makes the layer calls `onStart`.
   */
  build(order: LayerOrder, signal: AbortSignal, onStart: () => void): Promise<CachedLayer> {
    return this.#running.run(order.key, signal, (shared) => {
      const make = async () => {
        onStart();
        return await this.#make(order, shared);
      };
      // A derived layer would wait for all layers above it, whose parts are here already.
      return order.isDerived === true ? this.#limit.runAtOnce(make) : this.#limit.run(make, shared);
    });
  }

  /** A cached layer, for the layers above it. */
  below({ diffId, descriptor, facts }: CachedLayer): LayerBelow {
    return {
      diffId,
      facts,
      open: () => decompressArchive(this.#registry.open(descriptor).then(bodyChunks), diffId),
    };
  }

  async #make(order: LayerOrder, signal: AbortSignal): Promise<CachedLayer> {
    const content = order.make(signal);
    let diffId: Digest | undefined;
    try {
      const compressed = compressArchive(content.archive, this.#gzip);
      const blob = await this.#registry.ingest(untilAborted(compressed.bytes, signal));
      diffId = compressed.diffId();
      const layer: CachedLayer = {
        key: order.key,
        descriptor: { mediaType: MediaType.ociLayerGzip, digest: blob.digest, size: blob.size },
        diffId,
        facts: content.facts(),
      };
      await this.#ledger.putLayer(layer, await this.#findLost(order.key));
      return layer;
    } finally {
      await content.settle?.(diffId);
    }
  }

  /** The blob of the key's cache entry, if it can no longer be served. */
  async #findLost(key: string): Promise<Digest | undefined> {
    const entry = (await this.#ledger.findLayers([key])).get(key);
    if (entry === undefined || (await this.#registry.holds(entry.descriptor))) return undefined;
    return entry.descriptor.digest;
  }
}

/** Breaks the stream when no build needs it any more, so that the partial upload is removed. */
async function* untilAborted(source: ByteSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
  }
}
