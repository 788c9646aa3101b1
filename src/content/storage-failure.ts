import { type StorageCondition, StorageError, systemCondition } from "../oci/storage-error.ts";

/**
 * Runs `work`, and resolves to its result. `conditionOf` derives the storage's condition from an error; by default,
 * only from an error of the file system.
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
