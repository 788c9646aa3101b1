/**
 * A thread that hashes, so that the server's own thread can serve requests. It gets {@link HashRequest}s, and answers
 * with {@link HashAnswer}s.
 */
import type { DigestAlgorithm } from "../bytes/content-hash.ts";
import { answerQuestions } from "../threads/answer-questions.ts";
import { LocalHash } from "./local-hash.ts";

/** A message to the thread. Numbers identify shared memory and hashes. Only the last two are questions. */
export type HashRequest =
  | { readonly kind: "share"; readonly memory: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: "begin"; readonly hash: number; readonly algorithms: readonly DigestAlgorithm[] }
  | { readonly kind: "end"; readonly hash: number }
  | { readonly kind: "update"; readonly hash: number; readonly bytes: SharedPiece | Uint8Array }
  | { readonly kind: "digest"; readonly hash: number; readonly algorithm: DigestAlgorithm };

/** Bytes in memory that both threads share. They do not change until the answer. */
export interface SharedPiece {
  readonly memory: number;
  readonly offset: number;
  readonly length: number;
}

/** The digest in hex; absent for other requests. */
export interface HashAnswer {
  readonly hex?: string;
}

declare const self: Worker;

const memories = new Map<number, SharedArrayBuffer>();
const hashes = new Map<number, LocalHash>();

answerQuestions(self, answer);

function answer(request: HashRequest): HashAnswer {
  switch (request.kind) {
    case "share":
      memories.set(request.memory, request.buffer);
      break;
    case "begin":
      hashes.set(request.hash, new LocalHash(request.algorithms));
      break;
    case "end":
      hashes.delete(request.hash);
      break;
    case "update": {
      const { bytes } = request;
      findHash(request.hash).update(bytes instanceof Uint8Array ? bytes : sharedBytes(bytes));
      break;
    }
    case "digest":
      return { hex: findHash(request.hash).hex(request.algorithm) };
  }
  return {};
}

function findHash(number: number): LocalHash {
  const found = hashes.get(number);
  if (found === undefined) throw new Error("unknown hash");
  return found;
}

function sharedBytes({ memory, offset, length }: SharedPiece): Uint8Array {
  const buffer = memories.get(memory);
  if (buffer === undefined) throw new Error("unknown buffer");
  return new Uint8Array(buffer, offset, length);
}
