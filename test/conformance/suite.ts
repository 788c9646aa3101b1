import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** How the suite is run once. */
export interface ConformanceRun {
  /** Version of the specification, as the suite calls it. */
  readonly version: string;
  /** Settings of the suite beside the registry and the version. */
  readonly settings: Readonly<Record<string, string>>;
  /** Settings of the server. */
  readonly server: Readonly<Record<string, string>>;
}

/** One test that did not pass. */
export interface NotPassed {
  readonly test: string;
  /** `failure`, `error` or `skipped`. */
  readonly status: string;
}

/** What a run of the suite found. */
export interface ConformanceReport {
  readonly passed: number;
  readonly notPassed: readonly NotPassed[];
  /** What the suite printed. */
  readonly output: string;
}

/** Everything that the suite can test and tests only when told. */
export const EVERYTHING: Readonly<Record<string, string>> = {
  OCI_API_BLOBS_DIGEST_HEADER: "true",
  OCI_API_BLOBS_UPLOAD_CANCEL: "true",
  OCI_API_MANIFESTS_DIGEST_HEADER: "true",
  OCI_API_MANIFESTS_TAG_PARAM: "true",
};

/** Runs the suite against a fresh server. */
export async function runConformance(
  program: string,
  { version, settings, server: variables }: ConformanceRun,
): Promise<ConformanceReport> {
  await using folder = await temporaryFolder("conformance");
  await using server = await startServerProcess(join(folder.path, "data"), {
    SLIPWAY_BUILDER_ENABLED: "false",
    ...variables,
  });
  return await runSuite(program, server.host, version, settings);
}

/** Runs the suite against the registry at `host`, such as `127.0.0.1:5000`. */
export async function runSuite(
  program: string,
  host: string,
  version: string,
  settings: Readonly<Record<string, string>>,
): Promise<ConformanceReport> {
  await using folder = await temporaryFolder("conformance-results");
  const results = join(folder.path, "results");
  const { stdout, stderr } = await run([program], {
    OCI_REGISTRY: host,
    OCI_TLS: "disabled",
    OCI_VERSION: version,
    OCI_RESULTS_DIR: results,
    ...settings,
  });
  const output = `${stdout}${stderr}`;
  const junit = await readFile(join(results, "junit.xml"), "utf8").catch(() => {
    throw new Error(`the suite left no results:\n${output}`);
  });
  return { ...readResults(junit), output };
}

function readResults(junit: string): Pick<ConformanceReport, "passed" | "notPassed"> {
  const tests = [...junit.matchAll(/<testcase name="([^"]*)"[^>]* status="([^"]*)"/g)].map(
    ([, test = "", status = ""]) => ({ test, status }),
  );
  if (tests.length === 0) throw new Error("the suite's results hold no test");
  const notPassed = tests.filter(({ status }) => status !== "passed");
  return { passed: tests.length - notPassed.length, notPassed };
}
