/** A thread that compresses blocks. Each becomes a gzip member (RFC 1952, section 2.2) without a time and a name. */
import { setPriority } from "node:os";
import { answerQuestions } from "../threads/answer-questions.ts";
import { GZIP, NICENESS } from "./gzip-settings.ts";

declare const self: Worker;

// Unpacking and configuring have to be done before the last layer, so they come first.
if (process.platform === "linux") lowerPriority();

answerQuestions(self, (block: Uint8Array<ArrayBuffer>) => Bun.gzipSync(block, GZIP));

/** Of this thread alone, which is what Linux means by a process here. */
function lowerPriority(): void {
  try {
    setPriority(NICENESS);
  } catch {
    // A container may forbid it. Layers are the same without it.
  }
}
