import type { Awaitable } from "../concurrency/awaitable.ts";

/**
 * Maximum parts of a path after `/v2/`. Bun matches at most 98 and cuts off longer paths.
 *
 * So a repository name may have 93 parts: the path of an upload has more.
 */
const MAX_PARTS = 96;

/** Answers a request for a decoded path, which is exactly what the client sent. */
export type PathHandler = (
  request: Request,
  path: string,
  server: Bun.Server<undefined>,
) => Awaitable<Response>;

type RouteHandler = (
  request: Bun.BunRequest<string>,
  server: Bun.Server<undefined>,
) => Response | Promise<Response>;

/**
 * Routes for all paths below `/v2/`, one for each number of parts.
 *
 * `request.url` has no `..`, `.` and `\` any more: Bun resolves them, even percent-encoded, so a path could bypass a
 * proxy that filters paths. Routes match the path as it was sent, so we join their parameters. Paths with empty parts
 * match no route.
 */
export function rawPathRoutes(handle: PathHandler): Record<string, RouteHandler> {
  const routes: Record<string, RouteHandler> = {
    "/v2": (request, server) => handle(request, "/v2", server),
    "/v2/": (request, server) => handle(request, "/v2/", server),
  };
  const parts = Array.from({ length: MAX_PARTS }, (_, index) => `part${index}`);
  for (let count = 1; count <= MAX_PARTS; count++) {
    const names = parts.slice(0, count);
    for (const end of ["", "/"]) {
      const pattern = `/v2/${names.map((name) => `:${name}`).join("/")}${end}`;
      routes[pattern] = (request, server) => handle(request, joined(request.params, names) + end, server);
    }
  }
  return routes;
}

function joined(params: Readonly<Record<string, string>>, names: readonly string[]): string {
  let path = "/v2";
  for (const name of names) path += `/${params[name]}`;
  return path;
}
