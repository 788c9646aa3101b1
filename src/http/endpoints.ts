import type { Awaitable } from "../oci/awaitable.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { RepositoryAction } from "../registry/access-policy.ts";
import type { Exchange } from "./exchange.ts";
import { deleteBlob, getBlob } from "./handlers/blobs.ts";
import { listCatalog, listReferrers, listTags } from "./handlers/listings.ts";
import { deleteManifest, getManifest, putManifest } from "./handlers/manifests.ts";
import { deleteUpload, getUpload, patchUpload, putUpload, startUpload } from "./handlers/uploads.ts";
import { jsonResponse } from "./json-response.ts";
import type { Route, RouteKind } from "./route.ts";

/** One method of one route. */
export interface Endpoint<Kind extends RouteKind = RouteKind> {
  /** What it does, for `docs/api.md`. */
  readonly summary: string;
  /** Its identifier in the specification, or whose extension it is. */
  readonly source: string;
  /** What the caller must be allowed to do to the repository that the path names. */
  readonly action?: RepositoryAction;
  readonly handle: (
    exchange: Exchange,
    route: Extract<Route, { kind: Kind }>,
    name: RepositoryName,
  ) => Awaitable<Response>;
}

/** The methods of a route; `HEAD` goes to the `GET` endpoint, which knows. */
export type Endpoints<Kind extends RouteKind = RouteKind> = Readonly<Record<string, Endpoint<Kind>>>;

/** The whole API: every route, its methods, and what each asks of the caller. */
export const ENDPOINTS: { readonly [Kind in RouteKind]: Endpoints<Kind> } = {
  base: {
    GET: { summary: "Tells that the API is here", source: "end-1", handle: () => jsonResponse({}) },
  },
  catalog: {
    GET: {
      summary: "Lists repositories",
      source: "Distribution",
      handle: (exchange) => listCatalog(exchange),
    },
  },
  tags: {
    GET: {
      summary: "Lists the tags of a repository",
      source: "end-8a, end-8b",
      action: "pull",
      handle: (exchange, _, name) => listTags(exchange, name),
    },
  },
  manifest: {
    GET: {
      summary: "Pulls a manifest, and builds it first when nobody pushed it and its name says how",
      source: "end-3",
      action: "pull",
      handle: (exchange, { reference }, name) => getManifest(exchange, name, reference),
    },
    PUT: {
      summary: "Pushes a manifest, and tags it",
      source: "end-7a, end-7b",
      action: "push",
      handle: (exchange, { reference }, name) => putManifest(exchange, name, reference),
    },
    DELETE: {
      summary: "Removes a tag, or a manifest and its tags",
      source: "end-9",
      action: "delete",
      handle: (exchange, { reference }, name) => deleteManifest(exchange, name, reference),
    },
  },
  blob: {
    GET: {
      summary: "Pulls a blob, whole or in ranges",
      source: "end-2",
      action: "pull",
      handle: (exchange, { digest }, name) => getBlob(exchange, name, digest),
    },
    DELETE: {
      summary: "Removes a blob from the repository",
      source: "end-10",
      action: "delete",
      handle: (exchange, { digest }, name) => deleteBlob(exchange, name, digest),
    },
  },
  uploads: {
    POST: {
      summary: "Opens an upload, mounts a blob, or takes a whole one",
      source: "end-4a, end-4b, end-4c, end-11",
      action: "push",
      handle: (exchange, _, name) => startUpload(exchange, name),
    },
  },
  upload: {
    GET: {
      summary: "Tells how much of an upload has arrived",
      source: "end-13",
      action: "push",
      handle: (exchange, { id }, name) => getUpload(exchange, name, id),
    },
    PATCH: {
      summary: "Appends a chunk to an upload",
      source: "end-5",
      action: "push",
      handle: (exchange, { id }, name) => patchUpload(exchange, name, id),
    },
    PUT: {
      summary: "Ends an upload and verifies its digest",
      source: "end-6",
      action: "push",
      handle: (exchange, { id }, name) => putUpload(exchange, name, id),
    },
    DELETE: {
      summary: "Cancels an upload",
      source: "end-14",
      action: "push",
      handle: (exchange, { id }, name) => deleteUpload(exchange, name, id),
    },
  },
  referrers: {
    GET: {
      summary: "Lists the manifests that refer to a subject",
      source: "end-12a, end-12b",
      action: "pull",
      handle: (exchange, { digest }, name) => listReferrers(exchange, name, digest),
    },
  },
};
