import type { Part } from "../package-source.ts";
import { packageUrl } from "../sbom.ts";
import type { EvaluatedPackage } from "./evaluation/evaluation.ts";
import type { StorePathInfo } from "./store/nix-store.ts";

/** Length of what comes before a path's name: `/nix/store/`, the hash and a hyphen. */
const PREFIX_LENGTH = "/nix/store/".length + 32 + 1;

/** The role of a store path in an image. */
export type NixPlace = Pick<Part, "base" | "requested">;

/** Facts about a package that only its evaluation has. */
export type PackageFacts = Pick<EvaluatedPackage, "license" | "homepage">;

/** A store path as a part of an image; the path is its id. */
export function nixPart(
  { path, narHash, narSize, references }: StorePathInfo,
  place: NixPlace,
  { license, homepage }: PackageFacts = { license: null, homepage: null },
): Part {
  const label = path.slice(PREFIX_LENGTH);
  const { name, version } = nameAndVersion(path);
  const purl = packageUrl("nix", name, version, { path });
  return {
    id: path,
    label,
    bucket: name,
    sizeBytes: narSize,
    contentKey: `${path}:${narHash}`,
    references,
    software: { name, version, purl, ...(license && { license }), ...(homepage && { homepage }) },
    ...place,
  };
}

/** The name and the version in the name of a store path. */
export function nameAndVersion(path: string): { readonly name: string; readonly version?: string } {
  const label = path.slice(PREFIX_LENGTH);
  const name = nameWithoutVersion(label);
  return label.length > name.length ? { name, version: label.slice(name.length + 1) } : { name };
}

/**
 * The part of a label before the first `-` that is not followed by a letter, as `builtins.parseDrvName` splits names.
 */
function nameWithoutVersion(label: string): string {
  const at = label.search(/-[^A-Za-z]/);
  return at < 0 ? label : label.slice(0, at);
}
