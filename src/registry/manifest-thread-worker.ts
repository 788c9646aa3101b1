/**
 * A thread that parses large manifests and indexes, so that the main thread can serve other requests.
 * Answers each {@link ManifestQuestion} with a {@link ManifestAnswer}.
 */
import type { Platform } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { type Fault, RegistryError } from "../oci/registry-error.ts";
import { answerQuestions } from "../threads/answer-questions.ts";
import { type IndexEntries, IndexMemory } from "./index-memory.ts";
import { type ManifestPush, type ReadManifest, readManifest } from "./manifest-reading.ts";

/** A question to the thread. */
export type ManifestQuestion =
  | { readonly kind: "read"; readonly push: ManifestPush }
  | { readonly kind: "remember"; readonly index: Digest; readonly bytes: Uint8Array }
  | {
      readonly kind: "entries";
      readonly index: Digest;
      readonly after: Digest | undefined;
      readonly limit: number;
    }
  | {
      readonly kind: "child";
      readonly index: Digest;
      readonly platform: Pick<Platform, "os" | "architecture">;
    };

/** The thread's answer; without entries and child if it does not remember the index. */
export interface ManifestAnswer {
  readonly read?: ReadManifest;
  readonly refused?: { readonly fault: Fault; readonly message: string; readonly detail: unknown };
  readonly entries?: IndexEntries | undefined;
  readonly child?: { readonly child: Digest | undefined } | undefined;
}

/** Approximate limit of the remembered indexes, in bytes. */
const MEMORY_BYTES = 8 * 1024 * 1024;

declare const self: Worker;

const indexes = new IndexMemory(MEMORY_BYTES);

answerQuestions(self, answer, ({ kind }) => {
  // Otherwise the engine would collect the garbage of parsing only after several times as much.
  if (kind === "read" || kind === "remember") Bun.gc(true);
});

function answer(question: ManifestQuestion): ManifestAnswer {
  switch (question.kind) {
    case "read":
      return read(question.push);
    case "remember":
      indexes.remember(question.index, question.bytes);
      return {};
    case "entries":
      return { entries: indexes.entriesAfter(question.index, question.after, question.limit) };
    case "child":
      return { child: indexes.childFor(question.index, question.platform) };
  }
}

/** Returns a refusal as an answer: an error would lose the details for the client. */
function read(push: ManifestPush): ManifestAnswer {
  try {
    return { read: readManifest(push) };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { refused: { fault: error.fault, message: error.message, detail: error.detail } };
  }
}
