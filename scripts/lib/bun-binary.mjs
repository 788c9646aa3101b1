import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { LaunchError } from "./launch-error.mjs";

// The package ships a short text in place of the program; its install script swaps the program in.
const SMALLEST_PROGRAM_BYTES = 1_000_000;

/**
 * Path of the Bun that package-lock.json pins.
 *
 * Where install scripts are switched off the `bun` package holds only a placeholder; the program then still lies in
 * the platform's own package, and is run from there.
 *
 * @throws {LaunchError} when there is none for this platform
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
