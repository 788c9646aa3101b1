import { join } from "node:path";
import { run } from "./command.ts";
import { findProgram } from "./find-program.ts";

const BUILDER = join(import.meta.dir, "../../.ci/go-tools");

/** The path of a program, or why it is not available, in one line. */
export type ProgramSearch = { readonly path: string } | { readonly missing: string };

/**
 * Looks for a program in `SLIPWAY_TEST_BIN` and on the search path; otherwise builds it in `folder`, at the version
 * that `.ci/go-tools` pins. Prints the build's output.
 */
export async function findGoTool(name: string, folder: string): Promise<ProgramSearch> {
  const found = findProgram(name);
  if (found !== undefined) return { path: found };
  if (Bun.which("go") === null) {
    return { missing: `there is no program \`${name}\`, and no Go to build it with` };
  }
  const { stdout, stderr } = await run([BUILDER, folder, name]);
  console.log(`${stdout}${stderr}`.trim());
  const built = Bun.which(name, { PATH: folder });
  if (built === null) return { missing: `there is no program \`${name}\`, and Go cannot build it here` };
  return { path: built };
}
