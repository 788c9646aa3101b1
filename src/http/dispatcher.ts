import type { Awaitable } from "../concurrency/awaitable.ts";
import { LOOP_TURNS } from "../concurrency/loop-turns.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { AccessControl } from "../registry/access-control.ts";
import { ANONYMOUS } from "../registry/access-policy.ts";
import type { BodyMemory } from "./bodies/body-memory.ts";
import { openBody, type RequestBody } from "./bodies/request-body.ts";
import type { KnownHosts } from "./browsers/known-hosts.ts";
import type { Origins } from "./browsers/origins.ts";
import type { ErrorMapper } from "./error-mapper.ts";
import type { Reply } from "./reply.ts";
import type { Connection, RequestContext } from "./request-context.ts";
import { pathOf, requireUtf8 } from "./request-head.ts";
import type { Arrival, Responder } from "./responder.ts";
import type { Router } from "./router.ts";

/** The parts that a {@link Dispatcher} works with. */
export interface DispatcherParts {
  readonly routers: readonly Router[];
  readonly access: AccessControl;
  readonly hosts: KnownHosts;
  readonly origins: Origins;
  readonly bodies: BodyMemory;
  readonly errors: ErrorMapper;
  readonly responder: Responder;
}

/**
 * Takes each request through the same steps: the router finds its handler, the access policy decides, the handler runs,
 * and errors become replies. It has the only `catch` of the HTTP layer.
 */
export class Dispatcher {
  readonly #parts: DispatcherParts;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Answers a request for a decoded path below the router's prefix. Leaves the connection's idle timer running. Never rejects. */
  dispatch(router: Router, request: Request, path: string, connection: Connection): Awaitable<Response> {
    const { bodies, responder } = this.#parts;
    const arrival = responder.arrived(request, path);
    let body: RequestBody;
    try {
      body = openBody(request, connection, bodies);
    } catch (error) {
      return this.#fail(error, arrival);
    }
    const context = { request, body, caller: ANONYMOUS, connection };
    // A refused request must not wait for a turn, because the server would receive some of its body in the meantime.
    return LOOP_TURNS.run(() => this.#answer(router, arrival, context));
  }

  /** Refuses a request whose path matches no route, such as one with `//`. Paths that Bun resolved are never served. */
  refuse(request: Request): Response {
    const path = pathOf(request.url);
    const arrival = this.#parts.responder.arrived(request, path);
    try {
      this.#parts.hosts.require(request.headers);
      const isEndpoint = this.#parts.routers.some((router) => router.knows(path));
      throw isEndpoint
        ? new RegistryError("name-invalid", "the path has empty parts, . or .., or too many parts")
        : new RegistryError("route-unknown", "no such endpoint");
    } catch (error) {
      return this.#fail(error, arrival);
    }
  }

  #answer(router: Router, arrival: Arrival, context: RequestContext): Awaitable<Response> {
    try {
      const reply = this.#call(router, arrival.path, context);
      if (reply instanceof Promise) return this.#answerLater(reply, arrival, context);
      return this.#respond(reply, arrival, context);
    } catch (error) {
      return this.#respond(this.#parts.errors.replyTo(error, arrival.request), arrival, context);
    }
  }

  async #answerLater(reply: Promise<Reply>, arrival: Arrival, context: RequestContext): Promise<Response> {
    try {
      return this.#respond(await reply, arrival, context);
    } catch (error) {
      return this.#respond(this.#parts.errors.replyTo(error, arrival.request), arrival, context);
    }
  }

  #respond(reply: Reply, arrival: Arrival, { body, connection }: RequestContext): Response {
    body[Symbol.dispose]();
    connection.answer(reply.body instanceof ReadableStream);
    return this.#parts.responder.respond(reply, arrival);
  }

  #call(router: Router, path: string, context: RequestContext): Awaitable<Reply> {
    const { request, caller } = context;
    this.#parts.hosts.require(request.headers);
    this.#parts.origins.requireKnown(request);
    requireUtf8(path);
    const call = router.match(path, request.method);
    if (call.action !== undefined) this.#parts.access.require(caller, call.action, call.repository);
    return call.handle(context);
  }

  #fail(error: unknown, arrival: Arrival): Response {
    const { errors, responder } = this.#parts;
    return responder.respond(errors.replyTo(error, arrival.request), arrival);
  }
}
