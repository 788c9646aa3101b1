import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";

// A safety net for a test that hangs, which no verdict depends on: the longest test takes a few seconds on an idle
// machine.
const TEST_TIMEOUT_MS = 120_000;

/**
 * Arguments for Bun that run the tests under `paths`, or all tests without them. Slower suites have scripts of their own.
 *
 * At least four processes run them, even on fewer cores: many tests wait for servers to start or for time-outs to pass.
 */
export function bunTestArguments(paths) {
  return [
    "test",
    `--parallel=${Math.max(4, availableParallelism())}`,
    `--timeout=${TEST_TIMEOUT_MS}`,
    "--preload=./test/support/property-seed.ts",
    ...(paths.length > 0 ? paths : ["./src", "./test"]),
  ];
}

const GENERATE_DOCS = "scripts/docs.ts";

/** What `npm run check` runs, in order: a heading, and a tool of `node_modules/.bin` with its arguments. */
export function checkSteps({ withTests }) {
  return [
    { heading: "format and lint", tool: "biome", args: ["check", "--error-on-warnings"] },
    { heading: "types", tool: "tsc", args: ["--noEmit", "-p", "."] },
    { heading: "unused code", tool: "knip", args: [] },
    ...(existsSync(GENERATE_DOCS)
      ? [{ heading: "generated docs", tool: "bun", args: [GENERATE_DOCS, "--check"] }]
      : []),
    ...(withTests ? [{ heading: "tests", tool: "bun", args: bunTestArguments([]) }] : []),
  ];
}
