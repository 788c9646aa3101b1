/**
 * Runs work once for all callers and keeps the result. A failure reaches the callers that waited for it; the next
 * caller runs the work again.
 */
export function onceSuccessful<Value>(work: () => Promise<Value>): () => Promise<Value> {
  let outcome: Promise<Value> | undefined;
  return () => {
    outcome ??= work().catch((cause: unknown) => {
      outcome = undefined;
      throw cause;
    });
    return outcome;
  };
}
