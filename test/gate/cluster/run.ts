// `npm run test:cluster`: three instances as one registry, with real processes; a fixed list of scenarios. See USAGE.
import { parseArgs } from "node:util";
import { parseS3Program, S3_PROGRAMS } from "../../../examples/cluster/cluster-options.ts";
import { Checks } from "../../support/checks.ts";
import { makeRemovable } from "../../support/nix.ts";
import { type ClusterPlace, findClusterPlace } from "../../support/test-cluster.ts";
import { checkBuilds, prepareBuilds } from "./build-scenarios.ts";
import { checkCoherence } from "./coherence-scenarios.ts";
import { checkConformance } from "./conformance.ts";
import { checkRemovals } from "./removal-scenarios.ts";
import { checkUploads } from "./upload-scenarios.ts";

const USAGE = `usage: npm run test:cluster -- [--s3 ${S3_PROGRAMS.join("|")}] [--keep]`;

const { values } = parseArgs({
  options: { s3: { type: "string" }, keep: { type: "boolean", default: false }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
process.exitCode = await run();

async function run(): Promise<number> {
  const s3Program = parseS3Program(values.s3);
  const place = await findClusterPlace(s3Program);
  const checks = new Checks();
  const environment = await prepareBuilds(place.folder.path);
  const cluster = await place.open(environment);
  try {
    await checkConformanceSparsely(place, environment, checks);
    await cluster.up();
    await checkBuilds(cluster, checks);
    await checkUploads(cluster, checks);
    await checkCoherence(cluster, checks);
    await checkRemovals(cluster, checks);
  } finally {
    await cluster.down();
  }
  if (values.keep || checks.failed > 0) console.log(`logs and data stay in ${place.folder.path}`);
  else await remove(place);
  console.log(checks.summary());
  return checks.failed === 0 ? 0 : 1;
}

/**
 * Runs the conformance suites on instances that accept sparse manifests. Then ends the instances, so that they can be
 * started without that setting.
 */
async function checkConformanceSparsely(
  place: ClusterPlace,
  environment: Readonly<Record<string, string>>,
  checks: Checks,
): Promise<void> {
  const cluster = await place.open({ ...environment, SLIPWAY_REGISTRY_SPARSE_MANIFESTS: "true" });
  await cluster.up();
  await checkConformance(cluster, checks);
  for (const name of cluster.names.filter((name) => name.startsWith("slipway-"))) await cluster.stop(name);
}

async function remove(place: ClusterPlace): Promise<void> {
  await makeRemovable(place.folder.path);
  await place[Symbol.asyncDispose]();
}
