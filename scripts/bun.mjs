// Runs a test suite or a benchmark of this checkout with the pinned Bun: `node scripts/bun.mjs bench/run.ts --help`.
import "./lib/require-node.mjs";
import { environmentOfTests, PROJECT_ROOT, runBun } from "./lib/run-bun.mjs";

process.chdir(PROJECT_ROOT);
await runBun(process.argv.slice(2), environmentOfTests());
