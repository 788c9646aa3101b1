// The soak suite `chaos`: clients of a cluster whose processes are killed and hung at random. See USAGE.
import { dirname } from "node:path";
import { parseS3Program, S3_PROGRAMS } from "../../../examples/cluster/cluster-options.ts";
import { Checks } from "../../support/checks.ts";
import { findGoTool } from "../../support/go-tool.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { findClusterPlace } from "../../support/test-cluster.ts";
import { parseSuiteArguments } from "../arguments.ts";
import { Chaos } from "./chaos.ts";
import { Disturbances } from "./disturbances.ts";
import { stress } from "./stress.ts";

const USAGE = `usage: npm run soak -- chaos [--seed S] [--minutes M] [--s3 ${S3_PROGRAMS.join("|")}] [--keep]
--keep leaves the logs and the data, as a failure does`;

const { seed, seconds, values } = parseSuiteArguments(USAGE, {
  s3: { type: "string" },
  keep: { type: "boolean" },
});
const s3Program = parseS3Program(values.s3) ?? "versitygw";
await using tools = await temporaryFolder("tools");
const s3Server = await findGoTool(s3Program, tools.path);
if ("missing" in s3Server) {
  console.log(`NOT RUN: chaos: ${s3Server.missing}`);
  process.exit(1);
}
process.env.SLIPWAY_TEST_BIN = dirname(s3Server.path);
console.log(`seed ${seed}, ${seconds} s, ${s3Program}`);
const checks = new Checks();
const place = await findClusterPlace(s3Program);
const cluster = await place.open({});
try {
  await cluster.up();
  const target = { url: cluster.url, instanceUrls: cluster.instanceUrls };
  const disturbances = new Disturbances();
  await stress({
    target,
    disturbances,
    disturb: (random, ended) => new Chaos(cluster, random, disturbances, place.redisUrl).run(ended),
    seed,
    seconds,
    checks,
  });
} finally {
  await cluster.down();
}
if (values.keep || checks.failed > 0) console.log(`logs and data stay in ${place.folder.path}`);
else await place[Symbol.asyncDispose]();
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;
