import http from "node:http";
import type { Awaitable } from "../concurrency/awaitable.ts";

// Workarounds for what Bun does differently from what a server should do. `docs/upstream/` has a program for each case.
// Longer workarounds are in `sent-files.ts` and `bodies/request-body.ts`.

type Server = Bun.Server<undefined>;

/** Allows request headers of up to `maxBytes`. Bun takes the limit from a setting of Node that Node makes read-only. */
export function allowHeaderBytes(maxBytes: number): void {
  Object.assign(http, { maxHeaderSize: maxBytes });
}

/**
 * Whether the answer to a request has ended, for whatever reason. Bun has no event for this, but it forgets the
 * client's address then.
 */
export function isOver(server: Server, request: Request): boolean {
  return server.requestIP(request) === null;
}

/** Answers a request. `path` is the decoded path, exactly as the client sent it. */
export type PathHandler = (request: Request, path: string, server: Server) => Awaitable<Response>;

/** The routes of a Bun server. */
export type BunRoutes = Record<
  string,
  (request: Bun.BunRequest<string>, server: Server) => Response | Promise<Response>
>;

/**
 * Maximum parts of a path after its prefix. Bun matches at most 98 and cuts off longer paths (`long-paths.ts`).
 *
 * So a repository name may have 93 parts: the path of an upload has more.
 */
const MAX_PARTS = 96;

/**
 * Routes for all paths below `prefix`, one for each number of parts; for the prefix `/`, only that path.
 *
 * `request.url` has no `..`, `.` and `\` any more: Bun resolves them, even percent-encoded, so a path could bypass a
 * proxy that filters paths (`resolved-url.ts`). Routes match the path as it was sent, so we join their parameters. Paths
 * with empty parts match no route.
 */
export function rawPathRoutes(prefix: string, handle: PathHandler): BunRoutes {
  if (prefix === "/") return { "/": (request, server) => handle(request, "/", server) };
  const routes: BunRoutes = {
    [prefix]: (request, server) => handle(request, prefix, server),
    [`${prefix}/`]: (request, server) => handle(request, `${prefix}/`, server),
  };
  const parts = Array.from({ length: MAX_PARTS }, (_, index) => `part${index}`);
  for (let count = 1; count <= MAX_PARTS; count++) {
    const names = parts.slice(0, count);
    for (const end of ["", "/"]) {
      const pattern = `${prefix}/${names.map((name) => `:${name}`).join("/")}${end}`;
      routes[pattern] = (request, server) =>
        handle(request, joined(prefix, request.params, names) + end, server);
    }
  }
  return routes;
}

function joined(prefix: string, params: Readonly<Record<string, string>>, names: readonly string[]): string {
  let path = prefix;
  for (const name of names) path += `/${params[name]}`;
  return path;
}
