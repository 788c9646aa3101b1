import type { Config } from "../config/schema.ts";
import { BodyMemory } from "../http/bodies/body-memory.ts";
import { MemoryRoom } from "../http/bodies/memory-room.ts";
import { AddedHeaders } from "../http/browsers/added-headers.ts";
import { isLoopback, KnownHosts } from "../http/browsers/known-hosts.ts";
import { Origins } from "../http/browsers/origins.ts";
import { ResponseLog } from "../http/response-log.ts";
import { RootRouter } from "../http/root-router.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { ManifestReceiver } from "../http/v2/manifest-receiver.ts";
import { V2Router } from "../http/v2/v2-router.ts";
import type { Logger } from "../log.ts";
import type { Tag } from "../oci/reference.ts";
import type { ManifestPulls } from "../registry/manifest-pulls.ts";
import type { Registry } from "../registry/registry.ts";

/** Parsing a large manifest briefly takes about 50 MiB. */
const LARGE_MANIFESTS = { receiving: 2, parsing: 1 };
/** Stands for every tag. */
const LATEST = "latest" as Tag;

/** Starts to listen, with one router for each prefix. The caller stops the server. */
export function startHttp(config: Config, registry: Registry, pulls: ManifestPulls, log: Logger): HttpServer {
  const httpLog = log.child({ area: "http" });
  const { bodyMemoryBytes, memoryTargetBytes } = config.http;
  const v2 = new V2Router({
    registry,
    pulls,
    receiver: new ManifestReceiver(LARGE_MANIFESTS),
    limits: { ...config.http, deletes: config.registry.deletes },
    mayPush: config.builder.pushes === "nobody" ? (name) => !pulls.mayBuild(name, LATEST) : undefined,
  });
  const origins = new Origins(config.http.cors);
  const services = {
    routers: [v2, new RootRouter()],
    access: registry.access,
    hosts: new KnownHosts(knownHosts(config.http)),
    origins,
    added: addedHeaders(config.http, origins),
    bodies: new BodyMemory(bodyMemoryBytes, new MemoryRoom(memoryTargetBytes)),
    observer: httpLog.isLevelEnabled("debug") ? new ResponseLog(httpLog) : undefined,
  };
  return startHttpServer(services, config.http, httpLog);
}

/** The hosts that requests may name beside those of the loopback interface; `undefined` for any. */
function knownHosts({ host, hosts }: Config["http"]): readonly string[] | undefined {
  if (hosts === undefined) return isLoopback(host) ? [] : undefined;
  return hosts.includes("*") ? undefined : hosts.map((name) => name.toLowerCase());
}

/** `undefined` if there are none, which is faster. */
function addedHeaders({ headers, cors }: Config["http"], origins: Origins): AddedHeaders | undefined {
  const fixed = Object.entries(headers).map(([name, value]) => [name, [value].flat().join(", ")] as const);
  return fixed.length === 0 && cors.origins.length === 0 ? undefined : new AddedHeaders(fixed, origins);
}
