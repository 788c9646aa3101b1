import type { Config } from "../config/schema.ts";
import { BodyMemory } from "../http/body-memory.ts";
import { MemoryRoom } from "../http/memory-room.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import type { Logger } from "../log.ts";
import type { ManifestPulls } from "../registry/manifest-pulls.ts";
import type { Registry } from "../registry/registry.ts";

/** Starts to listen. The caller stops the server. */
export function startHttp(config: Config, registry: Registry, pulls: ManifestPulls, log: Logger): HttpServer {
  const { bodyMemoryBytes, memoryTargetBytes } = config.http;
  const bodies = new BodyMemory(bodyMemoryBytes, new MemoryRoom(memoryTargetBytes));
  const limits = { ...config.http, deletes: config.registry.deletes };
  return startHttpServer({ registry, pulls, limits, bodies }, config.http, log.child({ area: "http" }));
}
