import { type Fault, RegistryError } from "../oci/registry-error.ts";

/** The faults that mean that an upload has ended. */
const GONE: ReadonlySet<Fault> = new Set<Fault>(["upload-unknown", "upload-cancelled"]);

/** The error for an upload that does not exist, or has ended. */
export function uploadUnknown(): RegistryError {
  return new RegistryError("upload-unknown", "blob upload unknown to registry");
}

/** The error for an upload that ended while a request worked on it. */
export function cancelled(cause?: unknown): RegistryError {
  return new RegistryError("upload-cancelled", "the upload was cancelled", { cause });
}

/** Whether an error means that the upload has ended. */
export function isGone(error: unknown): boolean {
  return error instanceof RegistryError && GONE.has(error.fault);
}

/** Whether an error means that another request works on the upload. */
export function isBusy(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.fault === "upload-busy";
}

/**
 * Ignores a busy upload: the request that still works on it will notice that the session has ended, and drop the
 * bytes.
 */
export function unlessBusy(error: unknown): void {
  if (!isBusy(error)) throw error;
}
