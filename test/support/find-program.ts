/** The path of a program in the folder `SLIPWAY_TEST_BIN` or on PATH; `undefined` if there is none. */
export function findProgram(name: string): string | undefined {
  const folders = [process.env.SLIPWAY_TEST_BIN, process.env.PATH, "/usr/sbin"].filter(Boolean);
  return Bun.which(name, { PATH: folders.join(":") }) ?? undefined;
}
