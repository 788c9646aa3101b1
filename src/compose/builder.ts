import { availableParallelism } from "node:os";
import { join } from "node:path";
import { SpoolRoom } from "../builder/archive-spool.ts";
import { GzipThreads } from "../builder/gzip-threads.ts";
import { HOST_PLATFORM } from "../builder/host-platform.ts";
import { OnDemandBuilder, type OnDemandParts } from "../builder/on-demand-builder.ts";
import { PackageIndex, type PackageIndexParts } from "../builder/package-index.ts";
import type { PackageSource } from "../builder/package-source.ts";
import { openChosenPlan } from "../builder/plan/chosen-plan.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../log.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import { openPackageSources } from "./package-sources.ts";

const MAX_GZIP_THREADS = 4;
/**
 * Of archives that wait to be compressed: all of an image with a database server, whose packages are then configured as
 * early as can be.
 */
const MAX_SPOOLED_BYTES = 512 << 20;

/** A package manager, for the start message. */
export interface BuildSource {
  readonly name: string;
  readonly available: boolean;
  /** Its version, or why it is not available. */
  readonly detail: string;
  /** A name that it can build. */
  readonly example: string;
}

/** The parts that a builder works with, besides those made from the configuration. */
interface BuilderParts extends Pick<OnDemandParts, "registry" | "locks" | "log"> {
  readonly metadata: Pick<MetadataStore, "builds" | "links" | "sources">;
}

/** The builder with its package sources; `undefined` if it is disabled or has none. */
export async function createBuilder(
  { builder }: Config,
  data: string,
  { metadata, ...parts }: BuilderParts,
  opened: AsyncDisposableStack,
): Promise<OnDemandBuilder | undefined> {
  if (!builder.enabled) return undefined;
  const sources = await openPackageSources(
    builder,
    data,
    { ledger: metadata.sources, log: parts.log },
    opened,
  );
  if (sources.length === 0) return undefined;
  return new OnDemandBuilder(
    {
      ...parts,
      sources,
      ledger: metadata.builds,
      links: metadata.links,
      gzip: opened.use(createGzipThreads(parts.log)),
      spool: new SpoolRoom({ folder: join(data, "spool"), maxBytes: MAX_SPOOLED_BYTES }),
    },
    {
      platform: HOST_PLATFORM,
      layerRules: { plan: await openChosenPlan(builder, parts.log), budget: builder.maxLayers },
      refreshSeconds: builder.refreshSeconds,
      concurrentBuilds: builder.parallelBuilds,
      maxWaiting: builder.maxWaiting,
      maxWaitingPerCaller: builder.maxWaitingPerClient,
      failureSeconds: builder.failureSeconds,
      timeoutSeconds: builder.timeoutSeconds,
    },
  );
}

/** As many threads as layers and processors can use. */
function createGzipThreads(log: Logger): GzipThreads {
  const onFailure = (err: Error) => log.error({ err }, "a thread that compresses failed");
  return new GzipThreads(Math.min(availableParallelism(), MAX_GZIP_THREADS), onFailure);
}

/** The index of the builder's packages; `undefined` if searches are disabled. */
export function createPackageIndex(
  config: Config,
  builder: OnDemandBuilder | undefined,
  parts: Pick<PackageIndexParts, "ledger" | "locks">,
): PackageIndex | undefined {
  if (builder === undefined || !config.builder.search) return undefined;
  return new PackageIndex({ ...parts, sources: builder.sources, platform: HOST_PLATFORM });
}

/** A source for the start message. */
export async function describeSource(source: PackageSource): Promise<BuildSource> {
  const found = await source.available();
  const detail = found.available ? found.detail : found.reason;
  return { name: source.name, available: found.available, detail, example: `${source.example}:latest` };
}
