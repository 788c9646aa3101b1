import { fileURLToPath } from "node:url";
import { findBun } from "./bun-binary.mjs";
import { ensureInstalled } from "./install.mjs";
import { reportLaunchErrors } from "./launch-error.mjs";
import { runCommand } from "./run-command.mjs";

/** The checkout that these scripts belong to. */
export const PROJECT_ROOT = fileURLToPath(new URL("../..", import.meta.url));

// The server ends when its launcher ends, for whatever reason. Bun must not download packages or read .env files on its
// own.
const BUN_OPTIONS = ["--no-orphans", "--no-install", "--no-env-file"];

// Collect garbage as on a small machine, and keep freed memory for some hundredths of a second: by default, the engine keeps
// twice as much. With 0 ms and 128 MiB, a first image takes some 3% longer. Users can override these variables.
const MEMORY_SETTINGS = { MIMALLOC_PURGE_DELAY: "50", BUN_JSC_forceRAMSize: String(192 * 1024 * 1024) };

// Names of variables that configure the server. `SLIPWAY_TEST_…` variables are for the tests themselves.
const SERVER_SETTING = /^(?:SLIPWAY_(?!TEST_)|REGISTRY_)/;

/** The environment without the developer's settings of a server, which would change what is tested or measured. */
export function environmentOfTests() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !SERVER_SETTING.test(name)));
}

/** Installs what is missing, runs Bun with `args` in the current folder, and leaves its exit code as ours. */
export async function runBun(args, environment = process.env) {
  await reportLaunchErrors(async () => {
    await ensureInstalled(PROJECT_ROOT);
    const { exitCode } = await runCommand(findBun(PROJECT_ROOT), [...BUN_OPTIONS, ...args], {
      env: { ...MEMORY_SETTINGS, ...environment },
    });
    process.exitCode = exitCode;
  });
}
