/** The process's environment. Nothing else reads it. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
