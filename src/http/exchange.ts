import type { Caller } from "../registry/access-policy.ts";
import type { ManifestPulls } from "../registry/manifest-pulls.ts";
import type { Registry } from "../registry/registry.ts";
import type { BodyMemory } from "./body-memory.ts";
import type { RequestBody } from "./request-body.ts";
import type { SentFiles } from "./sent-files.ts";

/** The services that the HTTP layer uses. */
export interface HttpServices {
  readonly registry: Registry;
  readonly pulls: ManifestPulls;
  readonly limits: HttpLimits;
  readonly bodies: BodyMemory;
}

/** Closes the connection if the client is silent for too long. It is paused while the client waits for the server. */
export interface IdleTimer {
  pause(): void;
  resume(): void;
}

/** The connection of a request. */
export interface Connection extends IdleTimer {
  /** The address of the client, or of a proxy in front; `undefined` once the connection is closed. */
  remoteAddress(): string | undefined;
}

/** The input of every handler, besides its route. */
export interface Exchange extends Omit<HttpServices, "bodies"> {
  readonly request: Request;
  readonly body: RequestBody;
  /** The raw query string without the question mark; empty if there is none. */
  readonly query: string;
  readonly caller: Caller;
  readonly idleTimer: IdleTimer;
  readonly connection: Connection;
  readonly sentFiles: SentFiles;
}

/** Limits of the API, from the configuration. */
export interface HttpLimits {
  /** Whether blobs, manifests and tags may be deleted; otherwise those methods do not exist. */
  readonly deletes: boolean;
  /** Maximum entries of a catalog page; also the default. */
  readonly catalogPageSize: number;
  /** Maximum tags of a page; also the default. */
  readonly tagPageSize: number;
  readonly referrersPageSize: number;
}
