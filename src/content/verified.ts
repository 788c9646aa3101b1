import type { ByteSource } from "../bytes/byte-source.ts";
import { createContentHash } from "../bytes/content-hash.ts";
import { algorithmOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { BlobDescriptor } from "./blob-services.ts";

/**
 * Passes `source` through; fails unless it is exactly the described content.
 *
 * Yields at most `expected.size` bytes, then checks them.
 *
 * @throws {RegistryError} `size-mismatch`, `digest-mismatch`
 */
export async function* verified(source: ByteSource, expected: BlobDescriptor): AsyncGenerator<Uint8Array> {
  const algorithm = algorithmOf(expected.digest);
  const hasher = createContentHash(algorithm);
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > expected.size) break;
    hasher.update(chunk);
    yield chunk;
  }
  if (size !== expected.size) {
    throw new RegistryError("size-mismatch", `expected ${expected.size} bytes`);
  }
  const actual = `${algorithm}:${hasher.hex()}`;
  if (actual !== expected.digest) {
    throw new RegistryError("digest-mismatch", "the content does not match its digest", {
      detail: { expected: expected.digest, actual },
    });
  }
}
