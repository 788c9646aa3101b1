/** Resolves in a later turn of the event loop, after the server has handled the connections that are ready. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
