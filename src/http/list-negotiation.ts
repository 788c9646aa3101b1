import type { StoredManifest } from "../metadata/metadata-store.ts";
import { chooseChild } from "../oci/manifest-list.ts";
import { bareMediaType, MediaType } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Exchange } from "./exchange.ts";

/** What a client that cannot read manifest lists is given of one, as Distribution does. */
const DEFAULT_PLATFORM = { os: "linux", architecture: "amd64" };

/**
 * What to serve for a tag of Docker's manifest list: the list, except to a client that names schema 2 in `Accept` and
 * not the list. It would not understand the list, and gets the manifest for linux/amd64 when there is one.
 */
export async function chooseFromList(
  { request, registry }: Exchange,
  name: RepositoryName,
  list: StoredManifest,
): Promise<StoredManifest> {
  const accepted = new Set((request.headers.get("accept") ?? "").split(",").map(bareMediaType));
  const readsLists = [MediaType.dockerList, "*/*", "application/*"].some((type) => accepted.has(type));
  if (readsLists || !accepted.has(MediaType.dockerManifest)) return list;
  const child = chooseChild(list.bytes, DEFAULT_PLATFORM);
  return (child && (await registry.manifests.find(name, child))) ?? list;
}
