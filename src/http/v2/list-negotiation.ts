import type { StoredManifest } from "../../metadata/ports/manifest-ledger.ts";
import { bareMediaType, MediaType } from "../../oci/media-types.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { V2Context } from "./v2-context.ts";

/** Chooses what to serve to clients that cannot read manifest lists, as Distribution does. */
const DEFAULT_PLATFORM = { os: "linux", architecture: "amd64" };

/**
 * What to serve for a tag of a Docker manifest list. A client whose `Accept` names schema 2 but not the list would
 * not understand the list: it gets the manifest for linux/amd64, if there is one. Others get the list.
 */
export async function chooseFromList(
  { request, registry }: V2Context,
  name: RepositoryName,
  list: StoredManifest,
): Promise<StoredManifest> {
  const accepted = new Set((request.headers.get("accept") ?? "").split(",").map(bareMediaType));
  const readsLists = [MediaType.dockerList, "*/*", "application/*"].some((type) => accepted.has(type));
  if (readsLists || !accepted.has(MediaType.dockerManifest)) return list;
  const child = await registry.manifests.childFor(name, list, DEFAULT_PLATFORM);
  return (child && (await registry.manifests.find(name, child))) ?? list;
}
