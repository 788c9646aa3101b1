import type { RepositoryName } from "../../oci/repository-name.ts";
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

/** Decides, from its name alone, whether clients may push to a repository. */
export type PushRule = (repository: RepositoryName) => boolean;

/** What the handlers of the distribution API work with. */
export interface V2Services {
  readonly registry: Registry;
  readonly pulls: ManifestPulls;
  readonly receiver: ManifestReceiver;
  readonly limits: V2Limits;
  /** Absent if clients may push to all repositories. */
  readonly mayPush?: PushRule | undefined;
}

/** The input of every handler of the distribution API, besides its route. */
export interface V2Context extends RequestContext, Omit<V2Services, "mayPush"> {
  /** The raw query string without the question mark; empty if there is none. */
  readonly query: string;
}
