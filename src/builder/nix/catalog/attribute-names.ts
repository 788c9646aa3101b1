import { WorkSlices } from "../../../concurrency/work-slices.ts";
import { isRepositoryName } from "../../../oci/repository-name.ts";

/** Names to handle before checking the clock. */
const NAMES_AT_A_TIME = 256;

/**
 * Writes the attributes of one set as components of an image's name, in the same order: in lower case, without `_`
 * before a digit, with `_plus` for `+`. The result is `undefined` for an attribute that no name can express, and for
 * one whose name means another attribute; see resolve.nix. Works in slices, so that the server can handle other
 * requests.
 */
export async function writeAttributes(
  attributes: readonly string[],
): Promise<readonly (string | undefined)[]> {
  const slices = new WorkSlices();
  const written: (string | undefined)[] = [];
  /** The index of the attribute that each name means. */
  const meant = new Map<string, number>();
  for (const [at, attribute] of attributes.entries()) {
    const name = writeAttribute(attribute);
    const rival = name === undefined ? undefined : meant.get(name);
    const isMeant =
      rival === undefined || distance(name, attribute) < distance(name, attributes[rival] ?? "");
    written.push(isMeant ? name : undefined);
    if (isMeant && rival !== undefined) written[rival] = undefined;
    if (isMeant && name !== undefined) meant.set(name, at);
    if (at % NAMES_AT_A_TIME === 0) await slices.pause();
  }
  return written;
}

function writeAttribute(attribute: string): string | undefined {
  const name = attribute
    .replace(/^_(?=\d)/, "")
    .replaceAll("+", "_plus")
    .toLowerCase();
  return isRepositoryName(name) && !name.includes("/") ? name : undefined;
}

/** How far an attribute is from a name: 0 for the same text, 1 for another spelling, 2 for another case. */
function distance(name: string | undefined, attribute: string): number {
  if (attribute === name) return 0;
  return attribute === attribute.toLowerCase() ? 1 : 2;
}
