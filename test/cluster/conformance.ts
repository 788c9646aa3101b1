import type { Cluster } from "../../examples/cluster/cluster.ts";
import { conformanceBinary, NotAvailable } from "../conformance/binary.ts";
import { EVERYTHING, runSuite } from "../conformance/suite.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { Checks } from "./checks.ts";

/** The official suite, through the proxy; the cluster takes sparse manifests. */
export async function checkConformance(cluster: Cluster, checks: Checks): Promise<void> {
  await using folder = await temporaryFolder("conformance-program");
  const program = await conformanceBinary(folder).catch((error: unknown) => {
    if (!(error instanceof NotAvailable) || process.env.SLIPWAY_TEST_REQUIRE_ALL === "1") throw error;
    console.log(`conformance suite left out: ${error.message}`);
    return undefined;
  });
  if (program === undefined) return;
  const host = cluster.url.slice("http://".length);
  for (const version of ["1.1", "dev"]) {
    await checks.run(`the conformance suite ${version} passes through the proxy`, async () => {
      const sparse = version === "dev" ? { OCI_DATA_SPARSE: "true" } : {};
      const repositories = { OCI_REPO1: `suite-${version}/one`, OCI_REPO2: `suite-${version}/two` };
      const settings = { ...EVERYTHING, ...sparse, ...repositories };
      const { passed, notPassed, output } = await runSuite(program, host, version, settings);
      console.log(`${passed} tests of the suite passed`);
      if (notPassed.length > 0) throw new Error(output);
    });
  }
}
