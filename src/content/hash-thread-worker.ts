/**
 * A thread that hashes, so that the server's own thread goes on serving meanwhile. Takes {@link HashRequest}s, and
 * answers each `update` and `digest`, in order, with a {@link HashAnswer}.
 */
import { type ContentHash, createContentHash, type DigestAlgorithm } from "../oci/content-hash.ts";

/** What the thread is asked. Numbers name memory that was shared, and hashes that were begun. */
export type HashRequest =
  | { readonly kind: "share"; readonly memory: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: "begin"; readonly hash: number; readonly algorithms: readonly DigestAlgorithm[] }
  | { readonly kind: "update"; readonly hash: number; readonly bytes: SharedPiece | Uint8Array }
  | { readonly kind: "digest"; readonly hash: number; readonly algorithm: DigestAlgorithm }
  | { readonly kind: "end"; readonly hash: number };

/** Bytes in memory that both threads see; they stay as they are until the answer. */
export interface SharedPiece {
  readonly memory: number;
  readonly offset: number;
  readonly length: number;
}

/** That an update is done; of a digest, its hex; or what went wrong. */
export interface HashAnswer {
  readonly hex?: string;
  readonly failure?: string;
}

declare const self: Worker;

const memories = new Map<number, SharedArrayBuffer>();
const hashes = new Map<number, ReadonlyMap<DigestAlgorithm, ContentHash>>();

self.onmessage = ({ data }: MessageEvent<HashRequest>) => {
  try {
    const answer = handle(data);
    if (answer !== undefined) self.postMessage(answer);
  } catch (error) {
    self.postMessage({ failure: String(error) } satisfies HashAnswer);
  }
};

function handle(request: HashRequest): HashAnswer | undefined {
  switch (request.kind) {
    case "share":
      memories.set(request.memory, request.buffer);
      return undefined;
    case "begin":
      hashes.set(request.hash, new Map(request.algorithms.map((each) => [each, createContentHash(each)])));
      return undefined;
    case "update": {
      const bytes = request.bytes instanceof Uint8Array ? request.bytes : shared(request.bytes);
      for (const hash of known(request.hash).values()) hash.update(bytes);
      return {};
    }
    case "digest": {
      const hash = known(request.hash).get(request.algorithm);
      if (hash === undefined) throw new Error(`the bytes are not hashed with ${request.algorithm}`);
      return { hex: hash.hex() };
    }
    case "end":
      hashes.delete(request.hash);
      return undefined;
  }
}

function known(number: number): ReadonlyMap<DigestAlgorithm, ContentHash> {
  const found = hashes.get(number);
  if (found === undefined) throw new Error("there is no such hash");
  return found;
}

function shared({ memory, offset, length }: SharedPiece): Uint8Array {
  const buffer = memories.get(memory);
  if (buffer === undefined) throw new Error("there is no such memory");
  return new Uint8Array(buffer, offset, length);
}
