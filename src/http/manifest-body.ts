import { InterruptibleSource } from "../bytes/interruptible-source.ts";
import { MAX_MANIFEST_BYTES } from "../oci/manifest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Exchange } from "./exchange.ts";
import type { LargeBodyGate } from "./large-body-gate.ts";

/** Bytes that every request may hold in memory. A larger manifest waits for its turn after this many bytes. */
export const SMALL_MANIFEST_BYTES = 64 * 1024;

/**
 * Reads all bytes of a manifest. A large one takes a place at `gate`; `places` holds it until its owner is done with
 * the bytes.
 *
 * @throws {RegistryError} `manifest-too-large` as soon as it is; `too-many-requests` if too many wait, or if its
 * client is slow while others wait
 */
export async function readManifestBody(
  { request, body }: Pick<Exchange, "request" | "body">,
  gate: LargeBodyGate,
  places: DisposableStack,
): Promise<Uint8Array> {
  const stated = Number(request.headers.get("content-length") ?? MAX_MANIFEST_BYTES);
  if (stated > MAX_MANIFEST_BYTES) throw tooLarge();
  const source = new InterruptibleSource(body.chunks);
  let bytes = new Uint8Array(Math.min(stated, SMALL_MANIFEST_BYTES));
  let size = 0;
  for await (const chunk of source) {
    const end = size + chunk.byteLength;
    if (end > MAX_MANIFEST_BYTES) throw tooLarge();
    if (end > bytes.byteLength) {
      // Take a place only now, because a client that has sent this much is not slow so far.
      body.rest();
      const place = places.use(await gate.enter(stated));
      bytes = grown(bytes, size, Math.max(stated, end));
      body.pace.restart();
      const before = size;
      place.occupy({
        isSlow: () => body.pace.isSlow(size - before),
        dismiss: (reason) => source.interrupt(reason),
      });
    }
    bytes.set(chunk, size);
    size = end;
  }
  return size === bytes.byteLength ? bytes : bytes.slice(0, size);
}

/** A copy of `size` bytes in a buffer of `capacity` bytes. */
function grown(bytes: Uint8Array, size: number, capacity: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(capacity);
  larger.set(bytes.subarray(0, size));
  return larger;
}

function tooLarge(): RegistryError {
  return new RegistryError("manifest-too-large", `a manifest may have at most ${MAX_MANIFEST_BYTES} bytes`, {
    detail: { limit: MAX_MANIFEST_BYTES },
  });
}
