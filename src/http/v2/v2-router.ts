import { RegistryError } from "../../oci/registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/repository-name.ts";
import type { RequestContext } from "../request-context.ts";
import { queryOf } from "../request-head.ts";
import type { Call, Router } from "../router.ts";
import { ENDPOINTS, type Endpoint, type Endpoints } from "./endpoints.ts";
import { PREFIX, parseRoute, type Route } from "./route.ts";
import type { V2Context, V2Services } from "./v2-context.ts";

/** The distribution API, below `/v2/`. */
export class V2Router implements Router {
  readonly prefix = PREFIX;
  readonly #services: V2Services;

  constructor(services: V2Services) {
    this.#services = services;
  }

  knows(path: string): boolean {
    return parseRoute(path) !== undefined;
  }

  match(path: string, method: string): Call {
    const route = parseRoute(path);
    if (route === undefined) throw new RegistryError("route-unknown", "no such endpoint");
    const { action, handle } = this.#endpoint(route, method);
    const repository = "name" in route ? parseRepositoryName(route.name) : ("" as RepositoryName);
    return {
      needs: action && { action, repository },
      handle: (context) => handle(this.#contextOf(context), route as never, repository),
    };
  }

  #endpoint(route: Route, method: string): Endpoint {
    const { deletes } = this.#services.limits;
    const endpoints = ENDPOINTS[route.kind] as Endpoints;
    const endpoint = endpoints[method === "HEAD" ? "GET" : method];
    if (endpoint !== undefined && (deletes || endpoint.action !== "delete")) return endpoint;
    const allow = Object.entries(endpoints).flatMap(([known, { action }]) => {
      if (known === "GET") return ["GET", "HEAD"];
      return deletes || action !== "delete" ? [known] : [];
    });
    throw new RegistryError("method-not-allowed", "method not allowed", {
      detail: { allow: allow.join(", ") },
    });
  }

  #contextOf({ request, body, caller, connection }: RequestContext): V2Context {
    const { registry, pulls, receiver, limits } = this.#services;
    return {
      request,
      body,
      caller,
      connection,
      registry,
      pulls,
      receiver,
      limits,
      get query() {
        return queryOf(request.url);
      },
    };
  }
}
