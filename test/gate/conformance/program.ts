import { join } from "node:path";
import { run } from "../../support/command.ts";
import { findProgram } from "../../support/find-program.ts";
import type { TemporaryFolder } from "../../support/temporary-folder.ts";

const BUILDER = join(import.meta.dir, "../../../.ci/go-tools");

/** The names of the programs of the two versions. */
export type SuiteProgram = "conformance" | "conformance-1.1";

/** The path of a program of the suite, or why it is not available, in one line. */
export type ProgramSearch = { readonly path: string } | { readonly missing: string };

/**
 * Looks for a program of the suite in `SLIPWAY_TEST_BIN` and on the search path; else builds it in `folder`, at the
 * version that `.ci/go-tools` pins. Prints the build's output.
 */
export async function findSuiteProgram(name: SuiteProgram, folder: TemporaryFolder): Promise<ProgramSearch> {
  const found = findProgram(name);
  if (found !== undefined) return { path: found };
  if (Bun.which("go") === null) {
    return { missing: `there is no program \`${name}\`, and no Go to build it with` };
  }
  const { stdout, stderr } = await run([BUILDER, folder.path, name]);
  console.log(`${stdout}${stderr}`.trim());
  const built = Bun.which(name, { PATH: folder.path });
  if (built === null) return { missing: `there is no program \`${name}\`, and Go cannot build it here` };
  return { path: built };
}
