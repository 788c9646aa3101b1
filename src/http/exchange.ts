import type { Caller } from "../registry/access-policy.ts";
import type { ManifestPulls } from "../registry/manifest-pulls.ts";
import type { Registry } from "../registry/registry.ts";

/** What the HTTP layer serves from. */
export interface HttpServices {
  readonly registry: Registry;
  readonly pulls: ManifestPulls;
  readonly limits: HttpLimits;
}

/**
 * Closes the connection when the client stays silent for too long. Paused while it is the server that takes long: the
 * client has nothing to say then.
 */
export interface IdleTimer {
  pause(): void;
  resume(): void;
}

/** What every handler is given beside its route. */
export interface Exchange extends HttpServices {
  readonly request: Request;
  /** The raw query string without its question mark; empty when there is none. */
  readonly query: string;
  readonly caller: Caller;
  readonly idleTimer: IdleTimer;
}

/** Bounds of the API, from the configuration. */
export interface HttpLimits {
  /** Whether blobs, manifests and tags may be deleted; else those methods do not exist. */
  readonly deletes: boolean;
  /** Entries of a catalog page, at most, and when a client asks for none in particular. */
  readonly catalogPageSize: number;
  /** Tags of a page, at most; without `n` a client gets all of them up to this many. */
  readonly tagPageSize: number;
  readonly referrersPageSize: number;
}
