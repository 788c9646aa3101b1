import { InterruptibleSource } from "../../bytes/interruptible-source.ts";
import { MAX_MANIFEST_BYTES } from "../../oci/manifest.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { LargeBodyGate } from "../bodies/large-body-gate.ts";
import type { RequestContext } from "../request-context.ts";

/** Bytes that every request can hold in memory. A larger manifest waits for its turn after this many bytes. */
const SMALL_MANIFEST_BYTES = 64 * 1024;

/** Limits of the large manifests in memory. */
export interface LargeManifestBounds {
  /** Maximum to receive at a time. */
  readonly receiving: number;
  /** Maximum to parse at a time. Parsing one briefly takes about 50 MiB. */
  readonly parsing: number;
}

/** A manifest in memory. Disposing of it gives its place to another one. */
export interface ReceivedManifest extends Disposable {
  readonly bytes: Uint8Array;
}

/** Receives the manifests that clients push. Large ones take turns. */
export class ManifestReceiver {
  readonly #receiving: LargeBodyGate;
  readonly #parsing: LargeBodyGate;

  constructor({ receiving, parsing }: LargeManifestBounds) {
    this.#receiving = new LargeBodyGate(receiving);
    this.#parsing = new LargeBodyGate(parsing);
  }

  /**
   * Reads the request's body, and waits for its turn to be parsed. The caller disposes of the result when it no longer
   * needs the bytes.
   *
   * @throws {RegistryError} `manifest-too-large` as soon as the body exceeds the limit; `too-many-requests` if too many
   * wait, or if the client is slow while others wait
   */
  async receive(context: Pick<RequestContext, "request" | "body">): Promise<ReceivedManifest> {
    using places = new DisposableStack();
    const bytes = await this.#read(context, places);
    if (bytes.byteLength > SMALL_MANIFEST_BYTES) places.use(await this.#parsing.enter(bytes.byteLength));
    const held = places.move();
    return { bytes, [Symbol.dispose]: () => held.dispose() };
  }

  /** All bytes of the body. A large one takes a place. */
  async #read(
    { request, body }: Pick<RequestContext, "request" | "body">,
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
        // Take a place only now: a client that has sent this much has not been slow so far.
        body.rest();
        const place = places.use(await this.#receiving.enter(stated));
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
