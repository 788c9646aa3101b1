// `npm run check`: everything a change must pass before it is committed. Runs every step, then says which failed.
// With --skip-tests, all but the tests.
import "./lib/require-node.mjs";
import { join } from "node:path";
import { findBun } from "./lib/bun-binary.mjs";
import { ensureInstalled } from "./lib/install.mjs";
import { reportLaunchErrors } from "./lib/launch-error.mjs";
import { environmentOfTests, PROJECT_ROOT } from "./lib/run-bun.mjs";
import { runCommand } from "./lib/run-command.mjs";
import { checkSteps } from "./lib/tasks.mjs";

process.chdir(PROJECT_ROOT);
await reportLaunchErrors(async () => {
  await ensureInstalled(PROJECT_ROOT);
  const failed = [];
  for (const { heading, tool, args } of checkSteps({ withTests: !process.argv.includes("--skip-tests") })) {
    console.log(`\n== ${heading}`);
    const program = tool === "bun" ? findBun(PROJECT_ROOT) : join("node_modules", ".bin", tool);
    const { exitCode } = await runCommand(program, args, { env: environmentOfTests() });
    if (exitCode > 128) process.exit(exitCode);
    if (exitCode !== 0) failed.push(heading);
  }
  console.log(failed.length === 0 ? "\ncheck: all passed" : `\ncheck: failed: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
});
