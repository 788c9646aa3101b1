import type { Part } from "../package-source.ts";
import type { StorePathInfo } from "./nix-store.ts";

/** What comes before a path's name: `/nix/store/`, the hash, and a hyphen. */
const PREFIX_LENGTH = "/nix/store/".length + 32 + 1;

/** The place of a store path in an image. */
export type NixPlace = Pick<Part, "base" | "requested">;

/** A store path as a part of an image; the path is its id. */
export function nixPart({ path, narHash, narSize, references }: StorePathInfo, place: NixPlace): Part {
  const label = path.slice(PREFIX_LENGTH);
  return {
    id: path,
    label,
    bucket: nameWithoutVersion(label),
    sizeBytes: narSize,
    contentKey: `${path}:${narHash}`,
    references,
    ...place,
  };
}

/** What comes before the first `-` that no letter follows, as `builtins.parseDrvName` splits names. */
function nameWithoutVersion(label: string): string {
  const at = label.search(/-[^A-Za-z]/);
  return at < 0 ? label : label.slice(0, at);
}
