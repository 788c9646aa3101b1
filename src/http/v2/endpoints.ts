import type { Awaitable } from "../../concurrency/awaitable.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { RepositoryAction } from "../../registry/access-policy.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import { listCatalog, listReferrers, listTags } from "./listings.ts";
import { deleteManifest, getManifest, putManifest } from "./manifests.ts";
import type { Route, RouteKind } from "./route.ts";
import { deleteUpload, getUpload, patchUpload, putUpload, startUpload } from "./uploads.ts";
import type { V2Context } from "./v2-context.ts";

/** One method of one route. */
export interface Endpoint<Kind extends RouteKind = RouteKind> {
  /** A description for `docs/api.md`. */
  readonly summary: string;
  /** Its identifier in the specification, or the origin of the extension. */
  readonly source: string;
  /** The permission that the caller needs for the repository in the path. */
  readonly action?: RepositoryAction;
  readonly handle: (
    context: V2Context,
    route: Extract<Route, { kind: Kind }>,
    name: RepositoryName,
  ) => Awaitable<Reply>;
}

/** The methods of a route. The `GET` endpoint also handles `HEAD`. */
export type Endpoints<Kind extends RouteKind = RouteKind> = Readonly<Record<string, Endpoint<Kind>>>;

/** The whole API: every route, its methods, and the permissions that they need. */
export const ENDPOINTS: { readonly [Kind in RouteKind]: Endpoints<Kind> } = {
  base: {
    GET: {
      summary: "Confirms that the registry implements the API",
      source: "end-1",
      handle: () => jsonReply({}),
    },
  },
  catalog: {
    GET: {
      summary: "Lists repositories",
      source: "Distribution",
      handle: (context) => listCatalog(context),
    },
  },
  tags: {
    GET: {
      summary: "Lists the tags of a repository",
      source: "end-8a, end-8b",
      action: "pull",
      handle: (context, _, name) => listTags(context, name),
    },
  },
  manifest: {
    GET: {
      summary:
        "Pulls a manifest; builds the image first if its name asks for packages and nobody has pushed it",
      source: "end-3",
      action: "pull",
      handle: (context, { reference }, name) => getManifest(context, name, reference),
    },
    PUT: {
      summary: "Pushes a manifest and sets tags",
      source: "end-7a, end-7b",
      action: "push",
      handle: (context, { reference }, name) => putManifest(context, name, reference),
    },
    DELETE: {
      summary: "Deletes a tag, or a manifest and its tags",
      source: "end-9",
      action: "delete",
      handle: (context, { reference }, name) => deleteManifest(context, name, reference),
    },
  },
  blob: {
    GET: {
      summary: "Pulls a blob, or ranges of it",
      source: "end-2",
      action: "pull",
      handle: (context, { digest }, name) => getBlob(context, name, digest),
    },
    DELETE: {
      summary: "Deletes a blob from the repository",
      source: "end-10",
      action: "delete",
      handle: (context, { digest }, name) => deleteBlob(context, name, digest),
    },
  },
  uploads: {
    POST: {
      summary: "Starts an upload, mounts a blob, or pushes a blob in one request",
      source: "end-4a, end-4b, end-4c, end-11",
      action: "push",
      handle: (context, _, name) => startUpload(context, name),
    },
  },
  upload: {
    GET: {
      summary: "Returns how many bytes of an upload are stored",
      source: "end-13",
      action: "push",
      handle: (context, { id }, name) => getUpload(context, name, id),
    },
    PATCH: {
      summary: "Appends a chunk to an upload",
      source: "end-5",
      action: "push",
      handle: (context, { id }, name) => patchUpload(context, name, id),
    },
    PUT: {
      summary: "Finishes an upload and verifies its digest",
      source: "end-6",
      action: "push",
      handle: (context, { id }, name) => putUpload(context, name, id),
    },
    DELETE: {
      summary: "Cancels an upload",
      source: "end-14",
      action: "push",
      handle: (context, { id }, name) => deleteUpload(context, name, id),
    },
  },
  referrers: {
    GET: {
      summary: "Lists the manifests that refer to a subject",
      source: "end-12a, end-12b",
      action: "pull",
      handle: (context, { digest }, name) => listReferrers(context, name, digest),
    },
  },
};
