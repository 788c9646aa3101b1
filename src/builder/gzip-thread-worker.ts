/** A thread that compresses blocks. Each becomes a gzip member (RFC 1952, section 2.2) without a time and a name. */
import { answerQuestions } from "../threads/answer-questions.ts";
import { GZIP } from "./gzip-settings.ts";

declare const self: Worker;

answerQuestions(self, (block: Uint8Array<ArrayBuffer>) => Bun.gzipSync(block, GZIP));
