import { StorageError } from "./content-driver.ts";

/**
 * What `work` resolves to.
 *
 * @throws {StorageError} naming driver, operation and key for whatever else it throws
 */
export async function reportingFailure<Result>(
  driver: string,
  operation: string,
  key: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StorageError ? error : new StorageError(driver, operation, key, error);
  }
}

/** Whether a file operation failed because what it names is not there. */
export function isAbsent(error: unknown): boolean {
  return errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR";
}

/** `undefined` for a file operation that failed for want of the file; rethrows any other failure. */
export function absent(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}

/** The system's name of a failure, such as `ENOSPC`; `undefined` for an error that has none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
