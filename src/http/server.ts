import http from "node:http";
import type { Logger } from "../log.ts";
import { createDispatcher } from "./dispatcher.ts";
import { internalError } from "./error-response.ts";
import type { HttpServices, IdleTimer } from "./exchange.ts";

/** Bytes of a request's head. Podman names up to 1,024 ranges in one, which Bun's own limit of 16 KiB refuses. */
const MAX_HEAD_BYTES = 32 * 1024;

// Bun's servers take the limit from Node's setting, which Node itself does not let anyone change.
Object.assign(http, { maxHeaderSize: MAX_HEAD_BYTES });

/** The idle time-out of a request's connection, which outlives the request: a pause must not. */
class RequestIdleTimer implements IdleTimer {
  readonly #server: Bun.Server<undefined>;
  readonly #request: Request;
  readonly #seconds: number;
  #isPaused = false;

  constructor(server: Bun.Server<undefined>, request: Request, seconds: number) {
    this.#server = server;
    this.#request = request;
    this.#seconds = seconds;
  }

  pause(): void {
    if (!this.#isPaused) this.#server.timeout(this.#request, 0);
    this.#isPaused = true;
  }

  resume(): void {
    if (this.#isPaused) this.#server.timeout(this.#request, this.#seconds);
    this.#isPaused = false;
  }
}

/** Where and how to listen. */
export interface HttpOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Seconds without a byte after which a connection is closed, 1 to 255. */
  readonly idleTimeoutSeconds: number;
}

/** A listening server. */
export interface HttpServer {
  /** Where it listens, such as `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Refuses new connections and resolves when running requests are done, or are cut off after `drainMs`. */
  stop(drainMs: number): Promise<void>;
}

/** Starts to listen. @throws when the address is taken */
export function startHttpServer(services: HttpServices, options: HttpOptions, log: Logger): HttpServer {
  const dispatch = createDispatcher(services, log);
  const server = Bun.serve({
    hostname: options.host,
    port: options.port,
    // Else a failure would be answered with a page that shows the code.
    development: false,
    idleTimeout: options.idleTimeoutSeconds,
    // Blobs have any size; each handler bounds what it holds in memory.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    // Else a second server could take the port too, and each would answer every other request.
    reusePort: false,
    fetch: (request, server) =>
      dispatch(request, new RequestIdleTimer(server, request, options.idleTimeoutSeconds)),
    error: (error) => {
      log.error({ err: error }, "response failed");
      return internalError();
    },
  });
  return {
    url: `http://${options.host}:${server.port}`,
    async stop(drainMs) {
      const cutOff = setTimeout(() => void server.stop(true), drainMs);
      await server.stop();
      clearTimeout(cutOff);
    },
  };
}
