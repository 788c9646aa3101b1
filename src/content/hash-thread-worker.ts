/**
 * A thread that hashes, so that the server's own thread can serve requests. Receives {@link HashRequest}s, and
 * answers each {@link HashQuestion} with a {@link HashAnswer}.
 */
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import { LocalHash } from "./local-hash.ts";

/** A message to the thread. Numbers identify shared memory and hashes. */
export type HashRequest =
  | { readonly kind: "share"; readonly memory: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: "begin"; readonly hash: number; readonly algorithms: readonly DigestAlgorithm[] }
  | { readonly kind: "end"; readonly hash: number }
  | (HashQuestion & { readonly question: number });

/** An answer of the thread. */
export type HashQuestion =
  | { readonly kind: "update"; readonly hash: number; readonly bytes: SharedPiece | Uint8Array }
  | { readonly kind: "digest"; readonly hash: number; readonly algorithm: DigestAlgorithm };

/** Bytes in memory that both threads share. They do not change until the answer. */
export interface SharedPiece {
  readonly memory: number;
  readonly offset: number;
  readonly length: number;
}

/** The end of an update, the hex of a digest, or what went wrong. */
export interface HashAnswer {
  readonly question: number;
  readonly hex?: string;
  readonly failure?: string;
}

declare const self: Worker;

const memories = new Map<number, SharedArrayBuffer>();
const hashes = new Map<number, LocalHash>();

self.onmessage = ({ data }: MessageEvent<HashRequest>) => {
  // Nobody awaits an answer to the other messages. If one fails, the thread ends, and its owner is notified.
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
  if (found === undefined) throw new Error("unknown hash");
  return found;
}

function shared({ memory, offset, length }: SharedPiece): Uint8Array {
  const buffer = memories.get(memory);
  if (buffer === undefined) throw new Error("unknown buffer");
  return new Uint8Array(buffer, offset, length);
}
