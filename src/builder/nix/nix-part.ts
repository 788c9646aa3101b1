import type { Part } from "../package-source.ts";
import type { StorePathInfo } from "./nix-store.ts";

const HASH_LENGTH = 32;
const STORE = "/nix/store/";

/** A store path as a part of an image. */
export function nixPart({ path, narHash, narSize }: StorePathInfo, base: boolean): Part {
  const id = path.slice(STORE.length);
  const label = id.slice(HASH_LENGTH + 1);
  return {
    id,
    label,
    bucket: nameWithoutVersion(label),
    sizeBytes: narSize,
    contentKey: `${path}:${narHash}`,
    base,
  };
}

/** The store path of a part. */
export function storePathOf({ id }: Pick<Part, "id">): string {
  return `${STORE}${id}`;
}

/** What comes before the first `-` that no letter follows, as `builtins.parseDrvName` splits names. */
function nameWithoutVersion(label: string): string {
  const at = label.search(/-[^A-Za-z]/);
  return at < 0 ? label : label.slice(0, at);
}
