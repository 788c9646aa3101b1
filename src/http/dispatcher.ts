import type { Logger } from "../log.ts";
import type { Awaitable } from "../oci/awaitable.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/repository-name.ts";
import { ANONYMOUS } from "../registry/access-policy.ts";
import { ENDPOINTS, type Endpoint, type Endpoints } from "./endpoints.ts";
import { errorResponse, internalError } from "./error-response.ts";
import type { Exchange, HttpLimits, HttpServices, IdleTimer } from "./exchange.ts";
import { parseRoute, type Route } from "./route.ts";

/** Answers one request, and leaves its idle timer running. Never rejects. */
export type Dispatch = (request: Request, idleTimer: IdleTimer) => Awaitable<Response>;

/**
 * The way from a request to its endpoint: parse the path, ask the access policy, run the handler, and turn whatever
 * it throws into a response. The only catch of the HTTP layer.
 */
export function createDispatcher(services: HttpServices, log: Logger): Dispatch {
  // Of a response to HEAD the server sends only the head, with the length that its body has.
  const failed = (error: unknown, request: Request) =>
    errorResponse(error) ?? unexpected(error, request, log);
  const settle = async (response: Promise<Response>, request: Request, idleTimer: IdleTimer) => {
    try {
      return await response;
    } catch (error) {
      return failed(error, request);
    } finally {
      idleTimer.resume();
    }
  };
  return (request, idleTimer) => {
    try {
      const response = dispatch(request, services, idleTimer);
      return response instanceof Promise ? settle(response, request, idleTimer) : response;
    } catch (error) {
      idleTimer.resume();
      return failed(error, request);
    }
  };
}

function dispatch(
  request: Request,
  { registry, pulls, limits }: HttpServices,
  idleTimer: IdleTimer,
): Awaitable<Response> {
  const { path, query } = splitUrl(request.url);
  const route = parseRoute(path);
  if (route === undefined) throw new RegistryError("route-unknown", "no such endpoint");
  const endpoint = chooseEndpoint(route, request.method, limits);
  const exchange: Exchange = { request, query, caller: ANONYMOUS, registry, pulls, limits, idleTimer };
  const name = "name" in route ? parseRepositoryName(route.name) : ("" as RepositoryName);
  if (endpoint.action !== undefined) registry.access.require(exchange.caller, endpoint.action, name);
  return endpoint.handle(exchange, route as never, name);
}

function chooseEndpoint(route: Route, method: string, { deletes }: HttpLimits): Endpoint {
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

/**
 * Path and query of a URL, the path decoded. `new URL` costs more than all the rest of a small request. The URL is
 * absolute, unless an HTTP/1.0 client named no host.
 */
function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const pathStart = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const mark = url.indexOf("?", pathStart);
  const raw = mark < 0 ? url.slice(pathStart) : url.slice(pathStart, mark);
  return { path: raw.includes("%") ? decodePath(raw) : raw, query: mark < 0 ? "" : url.slice(mark + 1) };
}

function decodePath(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new RegistryError("request-invalid", "the path is not UTF-8 in percent encoding");
  }
}

/** A client that goes away while it uploads is no failure of ours; nobody reads the answer. */
function unexpected(error: unknown, request: Request, log: Logger): Response {
  const { method } = request;
  const path = splitPath(request.url);
  if (request.signal.aborted || (error instanceof Error && error.name === "AbortError")) {
    log.debug({ method, path }, "client went away");
  } else {
    log.error({ err: error, method, path }, "request failed");
  }
  return internalError();
}

function splitPath(url: string): string {
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}
