/** The system's code of an error, such as `ENOSPC`; `undefined` if it has none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether a file operation failed because the file does not exist. */
export function isAbsent(error: unknown): boolean {
  return errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR";
}

/** `undefined` if a file operation failed because the file does not exist; rethrows any other error. */
export function absent(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}
