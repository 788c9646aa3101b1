/**
 * The same work, run once for all callers. A failure reaches those who waited for it and is then forgotten: the next
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
