import type { StepContext } from "../../src/builder/package-source.ts";

/** A step that nobody watches; by default, one that nobody aborts. */
export function stepContext(signal: AbortSignal = new AbortController().signal): StepContext {
  return { progress: () => {}, signal };
}
