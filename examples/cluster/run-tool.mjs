import { fileURLToPath } from "node:url";
import { findBun } from "../../scripts/lib/bun-binary.mjs";
import { ensureInstalled } from "../../scripts/lib/install.mjs";
import { reportLaunchErrors } from "../../scripts/lib/launch-error.mjs";
import "../../scripts/lib/require-node.mjs";
import { PROJECT_ROOT } from "../../scripts/lib/run-bun.mjs";
import { runCommand } from "../../scripts/lib/run-command.mjs";

/** Runs a program of this folder with the pinned Bun, in the current folder; what it starts may outlive it. */
export async function runTool(name) {
  await reportLaunchErrors(async () => {
    await ensureInstalled(PROJECT_ROOT);
    const program = fileURLToPath(new URL(name, import.meta.url));
    const options = ["--no-install", "--no-env-file", program, ...process.argv.slice(2)];
    const { exitCode } = await runCommand(findBun(PROJECT_ROOT), options);
    process.exitCode = exitCode;
  });
}
