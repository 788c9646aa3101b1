import { MAX_MANIFEST_BYTES } from "../oci/manifest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Exchange } from "./exchange.ts";
import type { LargeBodyGate } from "./large-body-gate.ts";
import { bodyOf } from "./request-body.ts";

/** Bytes that any request may hold in memory; a larger manifest waits for its turn. */
export const SMALL_MANIFEST_BYTES = 64 * 1024;

/** How long a client may take to send a large manifest once it has a place, in milliseconds. */
const SEND_WITHIN_MS = 30_000;

/**
 * All of a manifest's bytes. A large one takes a place at `gate`, which `places` holds until its owner is done with
 * the bytes.
 *
 * @throws {RegistryError} `manifest-too-large` as soon as it is, `too-many-requests`, `request-invalid` for a client
 * that sends a large one too slowly
 */
export async function readManifestBody(
  exchange: Pick<Exchange, "request" | "idleTimer">,
  gate: LargeBodyGate,
  places: DisposableStack,
): Promise<Uint8Array> {
  const stated = Number(exchange.request.headers.get("content-length") ?? 0);
  if (stated > MAX_MANIFEST_BYTES) throw tooLarge();
  // What says that it is large is not begun before its turn.
  let large = stated > SMALL_MANIFEST_BYTES;
  if (large) {
    exchange.idleTimer.pause();
    places.use(await gate.enter());
    exchange.idleTimer.resume();
  }
  let deadline = performance.now() + SEND_WITHIN_MS;
  let bytes = new Uint8Array(stated || SMALL_MANIFEST_BYTES);
  let size = 0;
  for await (const chunk of bodyOf(exchange)) {
    const end = size + chunk.byteLength;
    if (end > MAX_MANIFEST_BYTES) throw tooLarge();
    if (large && performance.now() > deadline) throw tooSlow();
    if (end > bytes.byteLength) bytes = grown(bytes, size);
    bytes.set(chunk, size);
    size = end;
    if (!large && size > SMALL_MANIFEST_BYTES) {
      large = true;
      places.use(await gate.enter());
      deadline = performance.now() + SEND_WITHIN_MS;
    }
  }
  return size === bytes.byteLength ? bytes : bytes.slice(0, size);
}

/** The same `size` bytes with room for the largest manifest. */
function grown(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(MAX_MANIFEST_BYTES);
  larger.set(bytes.subarray(0, size));
  return larger;
}

function tooLarge(): RegistryError {
  return new RegistryError("manifest-too-large", `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`, {
    detail: { limit: MAX_MANIFEST_BYTES },
  });
}

function tooSlow(): RegistryError {
  return new RegistryError("request-invalid", "a large manifest must be sent faster", {
    detail: { seconds: SEND_WITHIN_MS / 1000 },
  });
}
