/** The process's environment. No other code reads it. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
