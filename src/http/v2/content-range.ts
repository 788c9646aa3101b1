import { RegistryError } from "../../oci/registry-error.ts";
import type { AppendClaim } from "../../registry/append-claim.ts";

const CONTENT_RANGE = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/;

/**
 * Parses a `Content-Range`, in the specification's form `0-99` or in HTTP's form (distribution-spec end-5).
 *
 * @throws {RegistryError} `range-invalid`
 */
export function parseContentRange(text: string): Required<AppendClaim> {
  const match = CONTENT_RANGE.exec(text.trim());
  const [start, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || last < start) {
    throw new RegistryError("range-invalid", "Content-Range must have the form START-END");
  }
  return { start, length: last - start + 1 };
}
