import { type StorageCondition, StorageError } from "../oci/storage-error.ts";

/** A store that can check whether it still exists and keeps what it is given. */
export interface Watched {
  /** @throws {StorageError} condition `gone` or `unsynced` */
  checkPresence?(): void;
}

/** Conditions that last until a restart. */
const FINAL: ReadonlySet<StorageCondition | undefined> = new Set(["gone", "unsynced"] as const);

/** Time between two checks in milliseconds. Writes check too, so this decides only how soon the server stops. */
const INTERVAL_MS = 1000;

/** Reports the first store that is lost, once. Dispose of the result to stop watching. */
export function startPresenceWatch(
  stores: readonly Watched[],
  onLost: (error: StorageError) => void,
): Disposable {
  const check = () => {
    try {
      for (const store of stores) store.checkPresence?.();
    } catch (error) {
      // Other errors may be temporary, and requests report them.
      if (!(error instanceof StorageError) || !FINAL.has(error.condition)) return;
      clearInterval(timer);
      onLost(error);
    }
  };
  const timer = setInterval(check, INTERVAL_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
