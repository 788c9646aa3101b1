import { CachedBlobLinks } from "../cache/cached-blob-links.ts";
import { ClusterBlobLinks } from "../cache/cluster-blob-links.ts";
import { MemoryDescriptorCache } from "../cache/memory-descriptor-cache.ts";
import { RedisDescriptorCache } from "../cache/redis-descriptor-cache.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../log.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import type { SqlEngine } from "../metadata/sql-engine.ts";

/** Maximum descriptors that an instance caches in its own memory, in front of Redis; about 200 bytes each. */
const NEAR_ENTRIES = 100_000;

/** Time between two checks of a failed cache, in milliseconds. */
const CACHE_PROBE_MS = 500;

/** The links from repositories to blobs, with the descriptor cache that the configuration asks for in front. */
export async function openLinks(
  { cache }: Config,
  { links: authority, unlinks }: Pick<MetadataStore, "links" | "unlinks">,
  engine: SqlEngine,
  opened: AsyncDisposableStack,
  log: Logger,
): Promise<BlobLinks> {
  const area = log.child({ area: "cache" });
  const parts = { authority, unlinks, log: area };
  switch (cache.driver) {
    case "none":
      return authority;
    case "memory": {
      if (engine.name === "postgres")
        return opened.use(
          new ClusterBlobLinks({ ...parts, shared: undefined, maxEntries: cache.maxEntries }),
        );
      const memory = new MemoryDescriptorCache({ maxEntries: cache.maxEntries, epoch: () => engine.epoch() });
      return opened.use(new CachedBlobLinks(authority, memory, area));
    }
    case "redis": {
      const redis = opened.use(new RedisDescriptorCache({ url: cache.url }));
      const circuit = { deadlineMs: cache.deadlineMs, probeIntervalMs: CACHE_PROBE_MS };
      const statter = opened.use(new CachedBlobLinks(authority, redis, area, circuit));
      await statter.start();
      return opened.use(new ClusterBlobLinks({ ...parts, shared: statter, maxEntries: NEAR_ENTRIES }));
    }
  }
}
