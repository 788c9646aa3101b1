import type { ManifestPulls } from "../../registry/manifest-pulls.ts";
import type { Registry } from "../../registry/registry.ts";
import type { RequestContext } from "../request-context.ts";
import type { ManifestReceiver } from "./manifest-receiver.ts";

/** Limits of the API, from the configuration. */
export interface V2Limits {
  /** Whether blobs, manifests and tags may be deleted; otherwise those methods do not exist. */
  readonly deletes: boolean;
  /** Maximum entries of a catalog page; also the default. */
  readonly catalogPageSize: number;
  /** Maximum tags of a page; also the default. */
  readonly tagPageSize: number;
  readonly referrersPageSize: number;
}

/** What the handlers of the distribution API work with. */
export interface V2Services {
  readonly registry: Registry;
  readonly pulls: ManifestPulls;
  readonly receiver: ManifestReceiver;
  readonly limits: V2Limits;
}

/** The input of every handler of the distribution API, besides its route. */
export interface V2Context extends RequestContext, V2Services {
  /** The raw query string without the question mark; empty if there is none. */
  readonly query: string;
}
