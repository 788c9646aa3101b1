import type { Awaitable } from "../concurrency/awaitable.ts";
import { LOOP_TURNS } from "../concurrency/loop-turns.ts";
import type { Logger } from "../log.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/repository-name.ts";
import { storageFailure } from "../oci/storage-error.ts";
import { ANONYMOUS } from "../registry/access-policy.ts";
import { ENDPOINTS, type Endpoint, type Endpoints } from "./endpoints.ts";
import { errorResponse, internalError } from "./error-response.ts";
import type { Connection, Exchange, HttpLimits, HttpServices } from "./exchange.ts";
import { FailureLog } from "./failure-log.ts";
import { openBody, type RequestBody } from "./request-body.ts";
import { parseRoute, type Route } from "./route.ts";
import type { SentFiles } from "./sent-files.ts";

/** The character that replaces invalid UTF-8 in a decoded path. */
const REPLACEMENT_CHARACTER = "\ufffd";

/** A host with an optional port (RFC 3986, section 3.2.2), or nothing. */
const HOST = /^[\w.~:[\]%!$&'()*+;=-]*$/;

/** A request whose body has a share of the body memory. */
interface Arrival {
  readonly request: Request;
  readonly connection: Connection;
  readonly body: RequestBody;
}

/** Answers a request for a decoded path. Leaves the connection's idle timer running. Never rejects. */
export type Dispatch = (request: Request, path: string, connection: Connection) => Awaitable<Response>;

/**
 * Sends a request to its endpoint: parses the path, asks the access policy, runs the handler, and turns errors into
 * responses. It has the only `catch` of the HTTP layer.
 */
export function createDispatcher(services: HttpServices, sentFiles: SentFiles, log: Logger): Dispatch {
  // For HEAD, the server sends only the headers, with the length of the body.
  const failures = new FailureLog(log);
  const failed = (error: unknown, request: Request) =>
    errorResponse(error) ?? unexpected(error, request, failures);
  const settle = async (response: Promise<Response>, arrival: Arrival) => {
    try {
      return await response;
    } catch (error) {
      return failed(error, arrival.request);
    } finally {
      arrival.body[Symbol.dispose]();
      arrival.connection.resume();
    }
  };
  const answer = (path: string, arrival: Arrival) => {
    try {
      const response = dispatch(path, arrival, services, sentFiles);
      if (response instanceof Promise) return settle(response, arrival);
      arrival.body[Symbol.dispose]();
      return response;
    } catch (error) {
      arrival.body[Symbol.dispose]();
      arrival.connection.resume();
      return failed(error, arrival.request);
    }
  };
  return (request, path, connection) => {
    let body: RequestBody;
    try {
      body = openBody(request, connection, services.bodies);
    } catch (error) {
      return failed(error, request);
    }
    // Do not let a refused body wait for its turn: the server would receive some of it in the meantime.
    return LOOP_TURNS.run(() => answer(path, { request, connection, body }));
  };
}

/** Refuses a request whose path matches no route, such as one with `//`. Paths that Bun resolved are never served. */
export function refuseUnrouted(request: Request): Response {
  if (!hasOneHost(request.headers)) return errorResponse(invalidHost()) as Response;
  const isEndpoint = parseRoute(pathOf(request.url)) !== undefined;
  return errorResponse(isEndpoint ? invalidPath() : unknownRoute()) as Response;
}

function dispatch(
  path: string,
  { request, connection, body }: Arrival,
  { registry, pulls, limits }: HttpServices,
  sentFiles: SentFiles,
): Awaitable<Response> {
  if (!hasOneHost(request.headers)) throw invalidHost();
  if (path.includes(REPLACEMENT_CHARACTER))
    throw new RegistryError("request-invalid", "the path is not valid percent-encoded UTF-8");
  const route = parseRoute(path);
  if (route === undefined) throw unknownRoute();
  const endpoint = chooseEndpoint(route, request.method, limits);
  const exchange: Exchange = {
    request,
    get query() {
      return queryOf(request.url);
    },
    caller: ANONYMOUS,
    registry,
    pulls,
    limits,
    body,
    idleTimer: connection,
    connection,
    sentFiles,
  };
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
 * False for several `Host` headers, which arrive joined by a comma, and for an invalid one: proxies and servers could
 * disagree about the host of such a request (RFC 9112, section 3.2).
 */
function hasOneHost(headers: Headers): boolean {
  const host = headers.get("host");
  return host === null || HOST.test(host);
}

function invalidHost(): RegistryError {
  return new RegistryError("request-invalid", "the request must have one Host header with a host and port");
}

/** The raw query string of a URL. `new URL` costs more than everything else in a small request. */
function queryOf(url: string): string {
  const mark = url.indexOf("?");
  return mark < 0 ? "" : url.slice(mark + 1);
}

/** The path of a URL. The URL is absolute unless the request has no host. */
function pathOf(url: string): string {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const mark = url.indexOf("?", start);
  return mark < 0 ? url.slice(start) : url.slice(start, mark);
}

function unknownRoute(): RegistryError {
  return new RegistryError("route-unknown", "no such endpoint");
}

function invalidPath(): RegistryError {
  return new RegistryError("name-invalid", "the path has empty parts, . or .., or too many parts");
}

/**
 * The response to an error that is not the client's fault. Storage failures have their reason; other errors show no
 * details. If a client disconnects during an upload, nothing failed, and nobody reads the response.
 */
function unexpected(error: unknown, request: Request, failures: FailureLog): Response {
  const place = { method: request.method, path: pathOf(request.url) };
  const storage = storageFailure(error);
  if (storage !== undefined) {
    failures.storageFailed(storage, place);
    return errorResponse(storage.error) ?? internalError();
  }
  if (request.signal.aborted || (error instanceof Error && error.name === "AbortError")) {
    failures.clientWentAway(place);
  } else {
    failures.requestFailed(error, place);
  }
  return internalError();
}
