import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { LaunchError } from "./launch-error.mjs";

// The smallest possible size of the program. Without the install script, the package has only a short text in its
// place.
const SMALLEST_PROGRAM_BYTES = 1_000_000;

/**
 * Path of the Bun that package-lock.json pins.
 *
 * If install scripts are disabled, the `bun` package has only a placeholder. The program is then run from the
 * platform's own package.
 *
 * @throws {LaunchError} if there is none for this platform
 */
export function findBun(root) {
  const modules = join(root, "node_modules");
  const installed = [join(modules, "bun", "bin", "bun.exe"), ...platformPrograms(join(modules, "@oven"))];
  const program = installed.find(isProgram);
  if (program !== undefined) return program;
  throw new LaunchError(
    `no Bun program for ${process.platform}-${process.arch} was installed.\n` +
      "Slipway runs on Linux and macOS, x64 and arm64. On one of these, npm was told to leave out optional packages:\n" +
      "run `npm ci --include=optional`, then start again.",
  );
}

function platformPrograms(scope) {
  const prefix = `bun-${process.platform}-`;
  return namesIn(scope)
    .filter((name) => name.startsWith(prefix))
    .sort()
    .map((name) => join(scope, name, "bin", "bun"));
}

function namesIn(folder) {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

function isProgram(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size >= SMALLEST_PROGRAM_BYTES;
}
