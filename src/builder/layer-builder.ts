import { availableParallelism } from "node:os";
import { type ByteSource, bodyChunks } from "../bytes/byte-source.ts";
import { Semaphore } from "../concurrency/semaphore.ts";
import { SingleFlight } from "../concurrency/single-flight.ts";
import type { BlobDescriptor } from "../content/blob-services.ts";
import type { BuildLedger, CachedLayer } from "../metadata/ports/build-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { ImageRegistry } from "../registry/image-registry.ts";
import { ArchiveSpool, type SpoolRoom } from "./archive-spool.ts";
import type { GzipThreads } from "./gzip-threads.ts";
import { COMPRESSOR_IDENTITY, compressBlocks, decompressArchive, spoolArchive } from "./layer-compression.ts";
import type { LayerBelow, LayerContent } from "./package-source.ts";
import { UnpackingLayers } from "./unpacking-layers.ts";

/** A layer to take from the cache or to make. */
export interface LayerOrder {
  readonly key: string;
  /** Resolves when the layer can be made without waiting for anything. */
  readonly ready?: (signal: AbortSignal) => Promise<void>;
  readonly make: (signal: AbortSignal) => LayerContent;
  /** A derived layer is made at once. Each build makes one of them at a time. */
  readonly isDerived?: boolean;
  /** The layers of its build that a derived layer waits for, if they shall be unpacked before they are compressed. */
  readonly unpacking?: UnpackingLayers | undefined;
}

/** A layer that is being made. */
export interface GrowingLayer {
  /** Resolves as soon as its archive has ended, when it may still have to be compressed and stored. */
  readonly below: Promise<LayerBelow>;
  readonly stored: Promise<CachedLayer>;
}

/** What layers are made with. */
export interface LayerMeans {
  readonly gzip: GzipThreads;
  readonly spool: SpoolRoom;
  /** By default, as many as this process can use. */
  readonly processors?: number;
}

/** A layer whose archive has ended. */
type ArchivedLayer = Pick<CachedLayer, "diffId" | "facts">;

/**
 * Enough to keep all processors busy: a layer has a program that unpacks, the server's thread, and threads that compress.
 * With more on two processors, derived layers, for which a build waits in the end, would get too little of them.
 */
const LAYERS_AT_ONCE = Math.min(4, Math.max(2, availableParallelism()));

/** What unpacking keeps busy: a program that unpacks, and the server's thread. */
const UNPACKING_PROCESSORS = 2;

/** The cache key of a layer: a digest over everything its bytes depend on, in the order of `inputs`. */
export function layerKey(formatVersion: string, inputs: readonly string[]): string {
  return digestOf(JSON.stringify([formatVersion, COMPRESSOR_IDENTITY, ...inputs]));
}

/** Takes layers from the cache, and makes each missing one once, however many builds need it. */
export class LayerBuilder {
  readonly #registry: ImageRegistry;
  readonly #ledger: BuildLedger;
  readonly #gzip: GzipThreads;
  readonly #room: SpoolRoom;
  readonly #processors: number;
  readonly #running = new SingleFlight<CachedLayer>();
  readonly #reading = new Semaphore({ places: LAYERS_AT_ONCE });
  readonly #storing = new Semaphore({ places: LAYERS_AT_ONCE });

  constructor(registry: ImageRegistry, ledger: BuildLedger, { gzip, spool, processors }: LayerMeans) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#gzip = gzip;
    this.#room = spool;
    this.#processors = processors ?? availableParallelism();
  }

  /** The cached layers among `keys` whose blobs can be served. */
  async findCached(keys: readonly string[]): Promise<ReadonlyMap<string, CachedLayer>> {
    const found = await this.#ledger.findLayers(keys);
    const servable = await Promise.all(
      [...found].map(async (entry) => ((await this.#registry.holds(entry[1].descriptor)) ? [entry] : [])),
    );
    return new Map(servable.flat());
  }

  /** For the layers that a derived layer waits for; none if there are processors enough to compress them at once. */
  unpackingLayers(): UnpackingLayers | undefined {
    if (this.#processors > UNPACKING_PROCESSORS) return undefined;
    return new UnpackingLayers(() => this.#room.tellAll());
  }

  /**
   * Makes a layer, stores it, and then records it in the cache.
   *
   * Concurrent calls for the same layer share one result; only the call that makes the layer calls `onStart`, and has it
   * for the layers above before it is stored.
   */
  build(order: LayerOrder, signal: AbortSignal, onStart: () => void): GrowingLayer {
    const archived = Promise.withResolvers<LayerBelow>();
    const stored = this.#running.run(order.key, signal, (shared) => {
      const making: Promise<CachedLayer> = this.#make(order, shared, onStart, (layer) =>
        archived.resolve(this.#below(layer, making, order.unpacking)),
      );
      return making;
    });
    const below = Promise.race([archived.promise, stored.then((layer) => this.below(layer))]);
    // If the layer fails, nobody may ask for it any more.
    below.catch(() => {});
    return { below, stored };
  }

  /** A cached layer, for the layers above it. */
  below(layer: CachedLayer): LayerBelow {
    return this.#below(layer, Promise.resolve(layer));
  }

  #below(
    { diffId, facts }: ArchivedLayer,
    stored: Promise<CachedLayer>,
    unpacking?: UnpackingLayers,
  ): LayerBelow {
    const body = async () => {
      unpacking?.end();
      return bodyChunks(await this.#registry.open((await stored).descriptor));
    };
    return { diffId, facts, open: () => decompressArchive(body(), diffId) };
  }

  async #make(
    order: LayerOrder,
    signal: AbortSignal,
    onStart: () => void,
    onArchived: (layer: ArchivedLayer) => void,
  ): Promise<CachedLayer> {
    await using spool = new ArchiveSpool(this.#room, () => order.unpacking?.areLeft === true);
    const isDerived = order.isDerived === true;
    const read = async () => {
      onStart();
      const storing = this.#store(spool, isDerived, signal);
      // Whoever reads the archive gets the failure.
      storing.catch((error: unknown) => spool.fail(error));
      try {
        return { archived: await readContent(order.make(signal), spool), storing };
      } catch (error) {
        spool.fail(error);
        await storing.catch(() => {});
        throw error;
      }
    };
    await order.ready?.(signal);
    order.unpacking?.begin();
    // A derived layer would wait for all layers above it, whose parts may be here already.
    const reading = isDerived ? this.#reading.runAtOnce(read) : this.#reading.run(read, signal);
    const { archived, storing } = await reading.finally(() => order.unpacking?.finish());
    onArchived(archived);
    const { digest, size } = await storing;
    const descriptor = { mediaType: MediaType.ociLayerGzip, digest, size };
    const layer: CachedLayer = { key: order.key, descriptor, ...archived };
    await this.#ledger.putLayer(layer, await this.#findLost(order.key));
    return layer;
  }

  /** Compresses and stores an archive while it is read. A derived layer does not wait for others to be stored. */
  #store(spool: ArchiveSpool, isDerived: boolean, signal: AbortSignal): Promise<BlobDescriptor> {
    const store = () =>
      this.#registry.ingest(untilAborted(compressBlocks(spool.blocks(), this.#gzip), signal));
    return isDerived ? store() : this.#storing.run(store, signal);
  }

  /** The blob of the key's cache entry, if it can no longer be served. */
  async #findLost(key: string): Promise<Digest | undefined> {
    const entry = (await this.#ledger.findLayers([key])).get(key);
    if (entry === undefined || (await this.#registry.holds(entry.descriptor))) return undefined;
    return entry.descriptor.digest;
  }
}

/** Reads the archive of a layer to its end. */
async function readContent(content: LayerContent, spool: ArchiveSpool): Promise<ArchivedLayer> {
  let diffId: Digest | undefined;
  try {
    diffId = await spoolArchive(content.archive, spool);
    return { diffId, facts: content.facts() };
  } finally {
    await content.settle?.(diffId);
  }
}

/** Breaks the stream when no build needs it any more, so that the partial upload is removed. */
async function* untilAborted(source: ByteSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
  }
}
