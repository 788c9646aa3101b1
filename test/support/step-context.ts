import type { StepContext } from "../../src/builder/package-source.ts";

/** A context without progress; by default, one that is never aborted. */
export function stepContext(signal: AbortSignal = new AbortController().signal): StepContext {
  return { progress: () => {}, signal };
}
