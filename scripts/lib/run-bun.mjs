import { fileURLToPath } from "node:url";
import { findBun } from "./bun-binary.mjs";
import { ensureInstalled } from "./install.mjs";
import { reportLaunchErrors } from "./launch-error.mjs";
import { runCommand } from "./run-command.mjs";

/** The checkout that these scripts belong to. */
export const PROJECT_ROOT = fileURLToPath(new URL("../..", import.meta.url));

// The server ends with its launcher, however that ends; Bun neither downloads packages nor reads .env files on its own.
const BUN_OPTIONS = ["--no-orphans", "--no-install", "--no-env-file"];

/** Installs what is missing, runs Bun with `args` in the current folder, and leaves its exit code as ours. */
export async function runBun(args) {
  await reportLaunchErrors(async () => {
    await ensureInstalled(PROJECT_ROOT);
    const { exitCode } = await runCommand(findBun(PROJECT_ROOT), [...BUN_OPTIONS, ...args]);
    process.exitCode = exitCode;
  });
}
