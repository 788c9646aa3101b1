import type { ByteSource } from "../bytes/byte-source.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** A client's claims about the bytes that it appends. Both are checked. */
export interface AppendClaim {
  /** The offset of the first byte, from `Content-Range`. */
  readonly start?: number;
  /** The length of the range in bytes. */
  readonly length?: number;
}

/** Passes on `source`; fails unless it has the claimed length, if any. */
export function claimed(source: ByteSource, { length }: AppendClaim): ByteSource {
  return length === undefined ? source : exactly(source, length);
}

/** Passes on `source`; fails as soon as it is longer than claimed, or at its end if it is shorter. */
async function* exactly(source: ByteSource, length: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of source) {
    seen += chunk.byteLength;
    if (seen > length) break;
    yield chunk;
  }
  if (seen !== length) {
    throw new RegistryError("length-mismatch", "provided length did not match content length", {
      detail: { length },
    });
  }
}
