import { type StorageCondition, StorageError, systemCondition } from "../oci/storage-error.ts";

/**
 * Runs `work`. `conditionOf` finds the storage's condition in errors other than failed file operations.
 *
 * @throws {StorageError} with driver, operation and key for any other error
 */
export async function reportingFailure<Result>(
  driver: string,
  operation: string,
  key: string,
  work: () => Promise<Result>,
  conditionOf: (error: unknown) => StorageCondition | undefined = systemCondition,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageError(driver, operation, key, error, conditionOf(error));
  }
}

/** Whether a file operation failed because the file does not exist. */
export function isAbsent(error: unknown): boolean {
  return errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR";
}

/** `undefined` if a file operation failed because the file does not exist; rethrows any other error. */
export function absent(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}

/** The system's code of an error, such as `ENOSPC`; `undefined` if it has none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
