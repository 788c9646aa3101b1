// The soak suite `chaos`: clients of a cluster whose processes are killed and hung at random. See USAGE.
import { parseS3Program, S3_PROGRAMS } from "../../../examples/cluster/cluster-options.ts";
import { Checks } from "../../support/checks.ts";
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
const s3Program = parseS3Program(values.s3);
console.log(`seed ${seed}, ${seconds} s${s3Program ? `, ${s3Program}` : ""}`);
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
