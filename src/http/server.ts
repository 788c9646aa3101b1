import { isIPv6 } from "node:net";
import type { Logger } from "../log.ts";
import type { AccessControl } from "../registry/access-control.ts";
import type { BodyMemory } from "./bodies/body-memory.ts";
import type { KnownHosts } from "./browsers/known-hosts.ts";
import type { Origins } from "./browsers/origins.ts";
import { allowHeaderBytes, isOver, rawPathRoutes } from "./bun-quirks.ts";
import { Dispatcher } from "./dispatcher.ts";
import { ErrorMapper } from "./error-mapper.ts";
import { internalError } from "./error-reply.ts";
import type { Connection } from "./request-context.ts";
import { Responder, type ResponderOptions } from "./responder.ts";
import type { Router } from "./router.ts";
import { SentFiles } from "./sent-files.ts";

/**
 * Maximum bytes of a request's header. Podman lists up to 1,024 ranges in one header, too much for Bun's default of 16
 * KiB.
 */
const MAX_HEAD_BYTES = 32 * 1024;

allowHeaderBytes(MAX_HEAD_BYTES);

/** What a server serves, and to whom. */
export interface HttpServices extends ResponderOptions {
  readonly routers: readonly Router[];
  readonly access: AccessControl;
  readonly hosts: KnownHosts;
  readonly origins: Origins;
  /** The memory for the bodies of all requests. */
  readonly bodies: BodyMemory;
}

/**
 * The connection of one request. Bun keeps the last timeout that was set, also for the time after the answer, so
 * {@link answer} sets one again if any was set before.
 */
class RequestConnection implements Connection {
  readonly #server: Bun.Server<undefined>;
  readonly #request: Request;
  readonly #timeouts: Timeouts;
  #isPaused = false;
  #isChanged = false;

  constructor(server: Bun.Server<undefined>, request: Request, timeouts: Timeouts) {
    this.#server = server;
    this.#request = request;
    this.#timeouts = timeouts;
  }

  pause(): void {
    if (!this.#isPaused) this.#set(0);
    this.#isPaused = true;
  }

  resume(): void {
    if (this.#isPaused) this.#set(this.#timeouts.transferTimeoutSeconds);
    this.#isPaused = false;
  }

  answer(isStream: boolean): void {
    if (isStream) this.#set(this.#timeouts.transferTimeoutSeconds);
    else if (this.#isChanged) this.#set(this.#timeouts.idleTimeoutSeconds);
  }

  #set(seconds: number): void {
    this.#server.timeout(this.#request, seconds);
    this.#isChanged = true;
  }

  remoteAddress(): string | undefined {
    return this.#server.requestIP(this.#request)?.address;
  }
}

/** How long connections may be silent. */
export interface Timeouts {
  /** Between two requests, 1 to 255. */
  readonly idleTimeoutSeconds: number;
  /** While a client sends a body or reads an answer, 1 to 255, the most that Bun allows. */
  readonly transferTimeoutSeconds: number;
}

/** Where and how to listen. */
export interface HttpOptions extends Timeouts {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** A listening server. */
export interface HttpServer {
  /** Its URL, such as `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Refuses new connections. Resolves when running requests are done; cuts them off after `drainMs`. */
  stop(drainMs: number): Promise<void>;
}

/** The server cannot listen as configured; the message names the setting to change. */
class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Starts to listen. @throws {ListenError} */
export function startHttpServer(services: HttpServices, options: HttpOptions, log: Logger): HttpServer {
  try {
    return listen(services, options, log);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new ListenError(listenProblem(code, message, options), { cause: error });
  }
}

function listenProblem(code: string, message: string, { host, port }: HttpOptions): string {
  const problem = `cannot listen on ${host}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return `${problem}: the port is in use; change http.port (SLIPWAY_HTTP_PORT) or stop the other program`;
    case "EACCES":
      return `${problem}: the port needs privileges; change http.port (SLIPWAY_HTTP_PORT)`;
    case "EADDRNOTAVAIL":
      return `${problem}: this machine does not have the address; change http.host (SLIPWAY_HTTP_HOST)`;
    default:
      return `${problem}: ${message}; check http.host and http.port`;
  }
}

function listen(services: HttpServices, options: HttpOptions, log: Logger): HttpServer {
  const sentFiles = new SentFiles({
    isOver: (request) => isOver(server, request),
    closeIdle: () => server.closeIdleConnections(),
    allowPauses: (request) => server.timeout(request, options.transferTimeoutSeconds),
  });
  const responder = new Responder(sentFiles, services);
  const dispatcher = new Dispatcher({ ...services, errors: new ErrorMapper(log), responder });
  const routes = services.routers.map((router) =>
    rawPathRoutes(router.prefix, (request, path, server) =>
      dispatcher.dispatch(router, request, path, new RequestConnection(server, request, options)),
    ),
  );
  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    // Otherwise Bun would answer an error with a page that shows source code.
    development: false,
    idleTimeout: options.idleTimeoutSeconds,
    // Blobs may have any size; each handler limits what it holds in memory.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    // Otherwise a second server could use the same port, and each would answer every other request.
    reusePort: false,
    routes: Object.assign({}, ...routes),
    fetch: (request) => dispatcher.refuse(request),
    error: (error) => {
      log.error({ err: error }, "response failed");
      const { status, headers, body } = internalError();
      return new Response(body as string, { status, headers });
    },
  });
  return {
    url: `http://${isIPv6(options.host) ? `[${options.host}]` : options.host}:${server.port}`,
    async stop(drainMs) {
      const cutOff = setTimeout(() => void server.stop(true), drainMs);
      await server.stop();
      clearTimeout(cutOff);
      sentFiles[Symbol.dispose]();
    },
  };
}
