/** The target of a path, before any of its parts is checked. */
export type Route =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "tags"; readonly name: string }
  | { readonly kind: "manifest"; readonly name: string; readonly reference: string }
  | { readonly kind: "blob"; readonly name: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly name: string }
  | { readonly kind: "upload"; readonly name: string; readonly id: string }
  | { readonly kind: "referrers"; readonly name: string; readonly digest: string };

export type RouteKind = Route["kind"];

/** What the paths of all routes begin with. */
export const PREFIX = "/v2";

const ROOT = `${PREFIX}/`;

/** The path of every route, as documentation writes it. */
export const ROUTE_PATHS: { readonly [Kind in RouteKind]: string } = {
  base: "/v2/",
  catalog: "/v2/_catalog",
  tags: "/v2/{name}/tags/list",
  manifest: "/v2/{name}/manifests/{reference}",
  blob: "/v2/{name}/blobs/{digest}",
  uploads: "/v2/{name}/blobs/uploads/",
  upload: "/v2/{name}/blobs/uploads/{id}",
  referrers: "/v2/{name}/referrers/{digest}",
};

/**
 * The route of a decoded path. It is parsed from its end, because a repository name may contain words such as
 * `manifests`.
 *
 * @returns `undefined` if no endpoint has such a path (distribution-spec, "Endpoints")
 */
export function parseRoute(path: string): Route | undefined {
  if (!path.startsWith(ROOT)) return path === PREFIX ? { kind: "base" } : undefined;
  if (path.length === ROOT.length) return { kind: "base" };
  const lastSlash = path.lastIndexOf("/");
  const last = path.slice(lastSlash + 1);
  if (lastSlash === ROOT.length - 1) return last === "_catalog" ? { kind: "catalog" } : undefined;
  const kindSlash = path.lastIndexOf("/", lastSlash - 1);
  if (kindSlash < ROOT.length) return undefined;
  const name = path.slice(ROOT.length, kindSlash);
  switch (path.slice(kindSlash + 1, lastSlash)) {
    case "manifests":
      return { kind: "manifest", name, reference: last };
    case "blobs":
      return last === "uploads" ? { kind: "uploads", name } : { kind: "blob", name, digest: last };
    case "uploads":
      return uploadRoute(name, last);
    case "tags":
      return last === "list" ? { kind: "tags", name } : undefined;
    case "referrers":
      return { kind: "referrers", name, digest: last };
    default:
      return undefined;
  }
}

function uploadRoute(nameAndBlobs: string, id: string): Route | undefined {
  if (!nameAndBlobs.endsWith("/blobs")) return undefined;
  const name = nameAndBlobs.slice(0, -"/blobs".length);
  return id === "" ? { kind: "uploads", name } : { kind: "upload", name, id };
}
