import type { Awaitable } from "../../concurrency/awaitable.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/repository-name.ts";
import type { Caller, RepositoryAction } from "../../registry/access-policy.ts";
import type { ManifestPulls } from "../../registry/manifest-pulls.ts";
import type { Registry } from "../../registry/registry.ts";
import { callWithoutHandler } from "../allowed-methods.ts";
import type { RequestBody } from "../bodies/request-body.ts";
import type { Reply } from "../reply.ts";
import type { Connection, RequestContext } from "../request-context.ts";
import { queryOf } from "../request-head.ts";
import type { Call, Router } from "../router.ts";
import { ENDPOINTS, type Endpoint, type Endpoints } from "./endpoints.ts";
import type { ManifestReceiver } from "./manifest-receiver.ts";
import { PREFIX, parseRoute, type Route } from "./route.ts";
import type { V2Context, V2Limits, V2Services } from "./v2-context.ts";

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
    const endpoints = ENDPOINTS[route.kind] as Endpoints;
    const endpoint = endpoints[method === "HEAD" ? "GET" : method];
    const isThere = endpoint !== undefined && this.#isOn(endpoint);
    // A method that is not allowed is said before an invalid name.
    const other = isThere ? undefined : callWithoutHandler(method, this.#methods(endpoints));
    const repository = "name" in route ? parseRepositoryName(route.name) : ("" as RepositoryName);
    return other ?? new V2Call(endpoint as Endpoint, repository, route, this.#services);
  }

  #methods(endpoints: Endpoints): readonly string[] {
    return Object.keys(endpoints).filter((method) => this.#isOn(endpoints[method] as Endpoint));
  }

  #isOn({ action }: Endpoint): boolean {
    return this.#services.limits.deletes || action !== "delete";
  }
}

/** A class, like the next one: small requests are many, and closures cost more. */
class V2Call implements Call {
  readonly action: RepositoryAction | undefined;
  readonly repository: RepositoryName;
  readonly #handle: Endpoint["handle"];
  readonly #route: Route;
  readonly #services: V2Services;

  constructor({ action, handle }: Endpoint, repository: RepositoryName, route: Route, services: V2Services) {
    this.action = action;
    this.repository = repository;
    this.#handle = handle;
    this.#route = route;
    this.#services = services;
  }

  handle(context: RequestContext): Awaitable<Reply> {
    if (this.action === "push" && this.#services.mayPush?.(this.repository) === false) {
      throw new RegistryError(
        "access-denied",
        "this registry builds the images of such names and takes no pushes to them (builder.pushes)",
      );
    }
    return this.#handle(new V2Request(context, this.#services), this.#route as never, this.repository);
  }
}

/** A request with what its handler works with. A class, because most requests are small and never ask for the query. */
class V2Request implements V2Context {
  readonly request: Request;
  readonly body: RequestBody;
  readonly caller: Caller;
  readonly connection: Connection;
  readonly registry: Registry;
  readonly pulls: ManifestPulls;
  readonly receiver: ManifestReceiver;
  readonly limits: V2Limits;

  constructor(
    { request, body, caller, connection }: RequestContext,
    { registry, pulls, receiver, limits }: V2Services,
  ) {
    this.request = request;
    this.body = body;
    this.caller = caller;
    this.connection = connection;
    this.registry = registry;
    this.pulls = pulls;
    this.receiver = receiver;
    this.limits = limits;
  }

  get query(): string {
    return queryOf(this.request.url);
  }
}
