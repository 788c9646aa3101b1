import { epochSeconds, type NormaliseContext, viewOf } from "./rewrite.ts";

const HEADER_BYTES = 16;
/** Its flags: it is valid as long as its source has the time and the size that it names (PEP 552). */
const BY_TIME = 0;

/**
 * Whether a `.pyc` file was compiled from a source that a script made. The source is shipped with the image's time, so Python
 * would compile it again in any case.
 */
export function isOfMadeSource(bytes: Uint8Array, { createdAt }: NormaliseContext): boolean {
  if (bytes.byteLength < HEADER_BYTES) return false;
  const view = viewOf(bytes);
  return view.getUint32(4, true) === BY_TIME && view.getUint32(8, true) > epochSeconds(createdAt);
}
