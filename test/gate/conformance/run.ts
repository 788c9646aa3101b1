// `npm run test:conformance`: the official suite's two versions, each run against a fresh server.
import { join } from "node:path";
import { findGoTool } from "../../support/go-tool.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { NEWER_SUITE } from "./newer-suite.ts";
import { OLDER_SUITE } from "./older-suite.ts";
import type { SuiteReport, SuiteRun } from "./suite.ts";

/**
 * A required suite fails if its program is not available. The module of the newer one may be refused by the proxy.
 */
const SUITES = [
  { suite: OLDER_SUITE, required: true },
  { suite: NEWER_SUITE, required: false },
] as const;

await using folder = await temporaryFolder("conformance-program");
let [good, bad] = [0, 0];
for (const { suite, required } of SUITES) {
  const program = await findGoTool(suite.program, folder.path);
  if ("missing" in program) {
    console.log(`${required ? "FAILED" : "NOT RUN"}: ${suite.title}: ${program.missing}`);
    if (required) bad += 1;
    continue;
  }
  for (const each of suite.runs) {
    const { passed, skipped, problems, output } = await runOnce(program.path, each);
    good += passed;
    bad += problems.length;
    const counts = `${passed} passed, ${problems.length} failed, ${skipped} skipped as known`;
    console.log(`${suite.title}, ${each.title}: ${counts}`);
    if (problems.length > 0) console.log(output);
    for (const problem of problems) console.log(problem);
  }
}
console.log(`${good} passed, ${bad} failed`);
process.exitCode = bad === 0 ? 0 : 1;

async function runOnce(program: string, suiteRun: SuiteRun): Promise<SuiteReport> {
  await using data = await temporaryFolder("conformance");
  await using server = await startServerProcess(join(data.path, "data"), {
    SLIPWAY_BUILDER_ENABLED: "false",
    ...suiteRun.server,
  });
  return await suiteRun.run(program, server.url, "suite");
}
