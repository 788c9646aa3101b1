import type { Config } from "../config/schema.ts";
import { BodyMemory } from "../http/bodies/body-memory.ts";
import { MemoryRoom } from "../http/bodies/memory-room.ts";
import { ResponseLog } from "../http/response-log.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { ManifestReceiver } from "../http/v2/manifest-receiver.ts";
import { V2Router } from "../http/v2/v2-router.ts";
import type { Logger } from "../log.ts";
import type { ManifestPulls } from "../registry/manifest-pulls.ts";
import type { Registry } from "../registry/registry.ts";

/** Parsing a large manifest briefly takes about 50 MiB. */
const LARGE_MANIFESTS = { receiving: 2, parsing: 1 };

/** Starts to listen, with one router for each prefix. The caller stops the server. */
export function startHttp(config: Config, registry: Registry, pulls: ManifestPulls, log: Logger): HttpServer {
  const httpLog = log.child({ area: "http" });
  const { bodyMemoryBytes, memoryTargetBytes } = config.http;
  const v2 = new V2Router({
    registry,
    pulls,
    receiver: new ManifestReceiver(LARGE_MANIFESTS),
    limits: { ...config.http, deletes: config.registry.deletes },
  });
  const services = {
    routers: [v2],
    access: registry.access,
    bodies: new BodyMemory(bodyMemoryBytes, new MemoryRoom(memoryTargetBytes)),
    observer: httpLog.isLevelEnabled("debug") ? new ResponseLog(httpLog) : undefined,
  };
  return startHttpServer(services, config.http, httpLog);
}
