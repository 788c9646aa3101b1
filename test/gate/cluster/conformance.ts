import type { Cluster } from "../../../examples/cluster/cluster.ts";
import type { Checks } from "../../support/checks.ts";
import { findGoTool } from "../../support/go-tool.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { NEWER_SUITE } from "../conformance/newer-suite.ts";
import { OLDER_SUITE } from "../conformance/older-suite.ts";

/** Both versions of the official suite, through the proxy; the cluster takes sparse manifests. */
export async function checkConformance(cluster: Cluster, checks: Checks): Promise<void> {
  await using folder = await temporaryFolder("conformance-program");
  for (const suite of [OLDER_SUITE, NEWER_SUITE]) {
    const required = suite === OLDER_SUITE && process.env.SLIPWAY_TEST_REQUIRE_ALL === "1";
    const program = await findGoTool(suite.program, folder.path);
    if ("missing" in program) {
      if (required) checks.check(false, () => `${suite.title}: ${program.missing}`);
      else console.log(`NOT RUN: ${suite.title}: ${program.missing}`);
      continue;
    }
    for (const [index, each] of suite.runs.entries()) {
      await checks.run(`${suite.title} passes through the proxy, ${each.title}`, async () => {
        const report = await each.run(program.path, cluster.url, `${suite.program}/run-${index}`);
        console.log(`${report.passed} tests of the suite passed`);
        if (report.problems.length > 0) throw new Error([report.output, ...report.problems].join("\n"));
      });
    }
  }
}
