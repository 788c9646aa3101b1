import type { Logger } from "../log.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { storageFailure } from "../oci/storage-error.ts";

/**
 * The error that clients get when a build fails with `cause`.
 *
 * A {@link RegistryError} is returned as it is. Anything else is logged in full; clients learn only that the build
 * failed, or what is wrong with the storage.
 *
 * @param deadline aborted when the build ran out of time
 */
export function buildFailure(cause: unknown, log: Logger, deadline?: AbortSignal): RegistryError {
  if (cause instanceof RegistryError) return cause;
  if (deadline?.aborted === true)
    return new RegistryError("build-failed", "the build took too long", { cause });
  const storage = storageFailure(cause);
  if (storage !== undefined) {
    const { error, remedy } = storage;
    log.error({ ...storage.storage, err: cause }, `a build failed: ${error.message}: ${remedy}`);
    return error;
  }
  log.error({ err: cause }, "a build failed");
  return new RegistryError("build-failed", "the image could not be built", { cause });
}
