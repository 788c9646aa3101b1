import type { SourceModule } from "./source-module.ts";

const MAX_FILE_LINES = 300;
const MAX_FUNCTION_LINES = 60;

/** One line for each file or function that is too long. */
export function sizeProblems(modules: readonly SourceModule[]): readonly string[] {
  return modules.flatMap(({ path, lineCount, functions }) => [
    ...(lineCount > MAX_FILE_LINES ? [`${path} has ${lineCount} lines; at most ${MAX_FILE_LINES}`] : []),
    ...functions
      .filter((found) => found.lineCount > MAX_FUNCTION_LINES)
      .map(
        ({ firstLine, lineCount: lines }) =>
          `${path}:${firstLine} is a function of ${lines} lines; at most ${MAX_FUNCTION_LINES}`,
      ),
  ]);
}

/** One line for each default export. */
export function defaultExportProblems(modules: readonly SourceModule[]): readonly string[] {
  return modules
    .filter(({ hasDefaultExport }) => hasDefaultExport)
    .map(({ path }) => `${path} has a default export; give it a name`);
}

/** One line for each place in `src` that reads the process environment and is not in `src/config`. */
export function environmentProblems(modules: readonly SourceModule[]): readonly string[] {
  return modules
    .filter(({ path }) => path.startsWith("src/") && !path.startsWith("src/config/"))
    .flatMap(({ path, environmentReads }) =>
      environmentReads.map((line) => `${path}:${line} reads the environment; only src/config may`),
    );
}
