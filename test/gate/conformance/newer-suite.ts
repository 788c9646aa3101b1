import { judge, runProgram } from "./results.ts";
import type { Suite, SuiteRun } from "./suite.ts";

/** All optional tests of the suite. */
const EVERYTHING: Readonly<Record<string, string>> = {
  OCI_API_BLOBS_DIGEST_HEADER: "true",
  OCI_API_BLOBS_UPLOAD_CANCEL: "true",
  OCI_API_MANIFESTS_DIGEST_HEADER: "true",
  OCI_API_MANIFESTS_TAG_PARAM: "true",
};

/** The suite of the specification's main branch: a program that tests a chosen version of the specification. */
export const NEWER_SUITE: Suite = {
  title: "the suite's newer version",
  program: "conformance",
  runs: [
    newerRun("dev", { OCI_DATA_SPARSE: "true" }, { SLIPWAY_REGISTRY_SPARSE_MANIFESTS: "true" }),
    newerRun("1.1", {}, {}),
  ],
};

function newerRun(version: string, settings: SuiteRun["server"], server: SuiteRun["server"]): SuiteRun {
  return {
    title: version,
    server,
    async run(program, url, prefix) {
      const outcome = await runProgram([program], "OCI_RESULTS_DIR", {
        OCI_REGISTRY: new URL(url).host,
        OCI_TLS: "disabled",
        OCI_VERSION: version,
        OCI_REPO1: `${prefix}/one`,
        OCI_REPO2: `${prefix}/two`,
        ...EVERYTHING,
        ...settings,
      });
      return judge(outcome, []);
    },
  };
}
