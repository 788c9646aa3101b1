// `npm run test:cluster`: several instances as one registry, with real processes. See USAGE.
import { chmod } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Cluster } from "../../examples/cluster/cluster.ts";
import { type ClusterOptions, parseS3Program, S3_PROGRAMS } from "../../examples/cluster/cluster-options.ts";
import { Checks } from "../support/checks.ts";
import { freePort } from "../support/free-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { checkBuilds, prepareBuilds } from "./build-scenarios.ts";
import { checkCoherence } from "./coherence-scenarios.ts";
import { checkConformance } from "./conformance.ts";
import { checkRemovals } from "./removal-scenarios.ts";
import { stress } from "./stress.ts";
import { checkUploads } from "./upload-scenarios.ts";

const S3_OPTION = `[--s3 ${S3_PROGRAMS.join("|")}]`;
const USAGE = `usage: npm run test:cluster -- [--seed NUMBER] [--minutes NUMBER] ${S3_OPTION} [--keep]`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    minutes: { type: "string", default: "5" },
    s3: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
const s3Program = parseS3Program(values.s3);
if (!Number.isInteger(seed) || !(minutes >= 0)) {
  console.error(USAGE);
  process.exit(2);
}
process.exitCode = await run();

async function run(): Promise<number> {
  console.log(`seed ${seed}, ${minutes} minutes of stress${s3Program ? `, ${s3Program}` : ""}`);
  const folder = await temporaryFolder("cluster");
  // PostgreSQL runs as another user when this is root.
  await chmod(folder.path, 0o755);
  const options = {
    data: folder.path,
    port: freePort(),
    instancePorts: [freePort(), freePort(), freePort()],
    postgresPort: freePort(),
    redisPort: freePort(),
    s3Port: freePort(),
    s3Program,
  };
  const checks = new Checks();
  const environment = {
    ...(await prepareBuilds(folder.path)),
    // The minimum of S3, so that uploads of a few MiB have parts.
    SLIPWAY_CONTENT_PART_BYTES: String(5 << 20),
  };
  const cluster = await Cluster.open(options, () => environment);
  try {
    await checkConformanceSparsely(options, environment, checks);
    await cluster.up();
    await checkBuilds(cluster, checks);
    await checkUploads(cluster, checks);
    await checkCoherence(cluster, checks);
    await checkRemovals(cluster, checks);
    if (minutes > 0) await stress(cluster, `redis://127.0.0.1:${options.redisPort}`, seed, minutes, checks);
  } finally {
    await cluster.down();
  }
  if (values.keep || checks.failed > 0) console.log(`logs and data stay in ${folder.path}`);
  else await folder[Symbol.asyncDispose]();
  if (checks.failed > 0) {
    const s3 = s3Program ? ` --s3 ${s3Program}` : "";
    console.log(`again: npm run test:cluster -- --seed ${seed} --minutes ${minutes}${s3}`);
  }
  console.log(checks.summary());
  return checks.failed === 0 ? 0 : 1;
}

/** The conformance suites, which count what rests on sparse manifests; then ends the instances, to be started without. */
async function checkConformanceSparsely(
  options: ClusterOptions,
  environment: Readonly<Record<string, string>>,
  checks: Checks,
): Promise<void> {
  const sparse = { ...environment, SLIPWAY_REGISTRY_SPARSE_MANIFESTS: "true" };
  const cluster = await Cluster.open(options, () => sparse);
  await cluster.up();
  await checkConformance(cluster, checks);
  for (const name of cluster.names.filter((name) => name.startsWith("slipway-"))) await cluster.stop(name);
}
