import { temporaryFolder } from "../support/temporary-folder.ts";
import { conformanceBinary, NotAvailable } from "./binary.ts";
import { type ConformanceRun, EVERYTHING, runConformance } from "./suite.ts";

/** What the script ends with when the suite's program cannot be had (sysexits.h, EX_TEMPFAIL). */
const NOT_AVAILABLE = 75;

const RUNS: readonly ConformanceRun[] = [
  {
    version: "dev",
    settings: { ...EVERYTHING, OCI_DATA_SPARSE: "true" },
    server: { SLIPWAY_REGISTRY_SPARSE_MANIFESTS: "true" },
  },
  { version: "1.1", settings: EVERYTHING, server: {} },
];

await using folder = await temporaryFolder("conformance-program");
const program = await conformanceBinary(folder).catch((error: unknown) => {
  if (!(error instanceof NotAvailable)) throw error;
  console.error(`not available here: ${error.message}`);
  process.exitCode = NOT_AVAILABLE;
  return undefined;
});
if (program !== undefined) process.exitCode = await runAll(program);

async function runAll(suite: string): Promise<number> {
  let [good, bad] = [0, 0];
  for (const each of RUNS) {
    const { passed, notPassed, output } = await runConformance(suite, each);
    good += passed;
    bad += notPassed.length;
    console.log(`${each.version}: ${passed} passed, ${notPassed.length} did not`);
    if (notPassed.length > 0) console.log(output);
    for (const { test, status } of notPassed) console.log(`${status}: ${test}`);
  }
  console.log(`${good} passed, ${bad} failed`);
  return bad === 0 ? 0 : 1;
}
