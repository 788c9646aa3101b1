/**
 * A thread that hashes, so that the server's own thread goes on serving meanwhile. Takes {@link HashRequest}s, and
 * answers each {@link HashQuestion} with a {@link HashAnswer}.
 */
import type { DigestAlgorithm } from "../oci/content-hash.ts";
import { LocalHash } from "./local-hash.ts";

/** What the thread is asked. Numbers name memory that was shared, and hashes that were begun. */
export type HashRequest =
  | { readonly kind: "share"; readonly memory: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: "begin"; readonly hash: number; readonly algorithms: readonly DigestAlgorithm[] }
  | { readonly kind: "end"; readonly hash: number }
  | (HashQuestion & { readonly question: number });

/** What is answered. */
export type HashQuestion =
  | { readonly kind: "update"; readonly hash: number; readonly bytes: SharedPiece | Uint8Array }
  | { readonly kind: "digest"; readonly hash: number; readonly algorithm: DigestAlgorithm };

/** Bytes in memory that both threads see; they stay as they are until the answer. */
export interface SharedPiece {
  readonly memory: number;
  readonly offset: number;
  readonly length: number;
}

/** That an update is done; of a digest, its hex; or what went wrong. */
export interface HashAnswer {
  readonly question: number;
  readonly hex?: string;
  readonly failure?: string;
}

declare const self: Worker;

const memories = new Map<number, SharedArrayBuffer>();
const hashes = new Map<number, LocalHash>();

self.onmessage = ({ data }: MessageEvent<HashRequest>) => {
  // Nobody waits for an answer to the others: when they fail the thread is at its end, which its owner hears of.
  if (!("question" in data)) return note(data);
  const { question } = data;
  try {
    self.postMessage({ question, ...answer(data) } satisfies HashAnswer);
  } catch (error) {
    self.postMessage({ question, failure: String(error) } satisfies HashAnswer);
  }
};

function note(request: Exclude<HashRequest, HashQuestion>): void {
  switch (request.kind) {
    case "share":
      memories.set(request.memory, request.buffer);
      break;
    case "begin":
      hashes.set(request.hash, new LocalHash(request.algorithms));
      break;
    case "end":
      hashes.delete(request.hash);
  }
}

function answer(request: HashQuestion): { readonly hex?: string } {
  const hash = known(request.hash);
  if (request.kind === "update") {
    const bytes = request.bytes instanceof Uint8Array ? request.bytes : shared(request.bytes);
    hash.update(bytes);
    return {};
  }
  return { hex: hash.hex(request.algorithm) };
}

function known(number: number): LocalHash {
  const found = hashes.get(number);
  if (found === undefined) throw new Error("there is no such hash");
  return found;
}

function shared({ memory, offset, length }: SharedPiece): Uint8Array {
  const buffer = memories.get(memory);
  if (buffer === undefined) throw new Error("there is no such memory");
  return new Uint8Array(buffer, offset, length);
}
