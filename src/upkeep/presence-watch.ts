import { StorageError } from "../oci/storage-error.ts";

/** A store that can check whether it still exists. */
export interface Watched {
  /** @throws {StorageError} condition `gone` */
  checkPresence?(): void;
}

/** Time between two checks in milliseconds. Writes check too, so this decides only how soon the server stops. */
const INTERVAL_MS = 1000;

/** Reports the first store that is gone, once. Dispose of the result to stop watching. */
export function startPresenceWatch(
  stores: readonly Watched[],
  onGone: (error: StorageError) => void,
): Disposable {
  const check = () => {
    try {
      for (const store of stores) store.checkPresence?.();
    } catch (error) {
      // Other errors may be temporary, and requests report them.
      if (!(error instanceof StorageError) || error.condition !== "gone") return;
      clearInterval(timer);
      onGone(error);
    }
  };
  const timer = setInterval(check, INTERVAL_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
