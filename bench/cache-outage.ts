// `npm run bench:cache`: what the descriptor cache gains, and what its loss costs. Runs on PostgreSQL, S3 and Redis.
// Usage: npm run bench:cache -- [--seconds N] [--rounds N] [--write FILE]
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Cluster } from "../examples/cluster/cluster.ts";
import { freePort } from "../test/support/free-port.ts";
import { temporaryFolder } from "../test/support/temporary-folder.ts";
import { pathOf, pushContent } from "./cache/content.ts";
import { type LoadFigures, type LoadRequest, loadDuring } from "./cache/outage-load.ts";
import { hostFacts } from "./report/machine-facts.ts";
import { Samples } from "./samples.ts";

const CONNECTIONS = [1, 2, 4, 8, 32];
const WITH_CACHE = "with";
const WITHOUT = "without";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "5" },
    write: { type: "string" },
  },
});
const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];

await using folder = await temporaryFolder("bench-cache");
await chmod(folder.path, 0o755);
const redisPort = await freePort();
const options = {
  data: folder.path,
  port: await freePort(),
  instancePorts: [await freePort(), await freePort(), await freePort(), await freePort()],
  postgresPort: await freePort(),
  redisPort,
  s3Port: await freePort(),
};
// The fourth instance has no cache and queries PostgreSQL every time.
const cluster = await Cluster.open(options, (instance) => ({
  SLIPWAY_BUILDER_ENABLED: "false",
  SLIPWAY_LOG_LEVEL: "error",
  ...(instance === 4 && { SLIPWAY_CACHE_DRIVER: "none" }),
}));
try {
  await cluster.up();
  const report = await measure();
  console.log(report);
  if (values.write !== undefined) await Bun.write(values.write, report);
} finally {
  await cluster.down();
}

async function measure(): Promise<string> {
  const cached = cluster.instanceUrls.slice(0, 3);
  const requests = await pushContent(cached);
  const outages = await measureOutages(requests);
  const samples = await measureWorth(pathOf(requests[0] as LoadRequest));
  return `# What the descriptor cache is worth

Written by \`npm run bench:cache -- --write docs/benchmarks-cache.md\`, with PostgreSQL, an S3 server, Redis, the instances
and the load on one machine, all over its loopback.

${hostFacts(folder.path)
  .map((fact) => `- ${fact}`)
  .join("\n")}

## Redis stopped, hung and emptied

Blob HEAD, blob GET (8 KiB) and manifest GET by tag in turn, by 24 connections, on three instances; ${seconds} s each. The load
generator takes about half of the machine.

${outageTable(outages)}

## With and without

Blob HEAD, requests per second on one instance; median of ${rounds} rounds of 2 s, in turn. *With*: in the instance's own
memory, as \`cache.driver: redis\` has it once it is warm. *Without*: \`cache.driver: none\`, a look-up in PostgreSQL each time.

${worthTable(samples)}

A cached answer saves the round trip and all of the database's work. With one or two connections the processors sleep
between requests, and waking them takes as long as the work. With very many the instance's one thread is the limit
either way: without the cache PostgreSQL works on the other processor meanwhile, on many look-ups at once. Redis alone, without the instance's own memory, was no more than 1.3x as fast as
PostgreSQL here: both are one round trip.
`;
}

async function measureOutages(requests: readonly LoadRequest[]): Promise<ReadonlyMap<string, LoadFigures>> {
  const figures = new Map<string, LoadFigures>();
  const rest = () => Bun.sleep(seconds * 1000);
  const phase = async (name: string, begin?: () => Promise<void> | void) =>
    figures.set(
      name,
      await loadDuring(requests, async () => {
        await Bun.sleep(100);
        await begin?.();
        await rest();
      }),
    );
  await loadDuring(requests, rest);
  await phase("before");
  await phase("Redis stopped", () => cluster.kill("redis"));
  await phase("Redis started again", () => cluster.start("redis"));
  await phase("Redis hung (SIGSTOP)", () => cluster.signal("redis", "SIGSTOP"));
  await phase("Redis goes on (SIGCONT)", () => cluster.signal("redis", "SIGCONT"));
  await phase("Redis emptied (FLUSHALL)", emptyRedis);
  await phase("after");
  return figures;
}

async function emptyRedis(): Promise<void> {
  const redis = new Bun.RedisClient(`redis://127.0.0.1:${redisPort}`);
  await redis.send("FLUSHALL", []);
  redis.close();
}

async function measureWorth(path: string): Promise<Samples> {
  const samples = new Samples();
  const subjects = [
    [WITH_CACHE, `${cluster.instanceUrls[0]}${path}`],
    [WITHOUT, `${cluster.instanceUrls[3]}${path}`],
  ] as const;
  for (let round = 0; round <= rounds; round += 1) {
    for (const connections of CONNECTIONS) {
      for (const [subject, url] of subjects) {
        const rate = await headLoad(url, connections, round === 0 ? 1 : 2);
        // The first round only warms up.
        if (round > 0) samples.add(String(connections), subject, rate);
      }
    }
  }
  return samples;
}

async function headLoad(url: string, connections: number, duration: number): Promise<number> {
  const program = join(import.meta.dir, "head-load.ts");
  const command = [process.execPath, program, url, String(connections), String(duration)];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const output = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`${url} did not stand the load`);
  return Number(output);
}

function outageTable(figures: ReadonlyMap<string, LoadFigures>): string {
  const rows = [...figures].map(
    ([name, { requests, failures, perSecond, p50, p99, slowest }]) =>
      `| ${name} | ${requests} | ${failures} | ${Math.round(perSecond)} | ${[p50, p99, slowest].map((ms) => ms.toFixed(1)).join(" | ")} |`,
  );
  return [
    "| | requests | failed | per second | median ms | p99 ms | slowest ms |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function worthTable(samples: Samples): string {
  const rows = CONNECTIONS.map((connections) => {
    const measure = String(connections);
    const rates = [WITH_CACHE, WITHOUT].map((subject) => Math.round(samples.median(measure, subject) ?? 0));
    const ratio = samples.ratio(measure, WITH_CACHE, WITHOUT) ?? 0;
    return `| ${connections} | ${rates.join(" | ")} | ${ratio.toFixed(2)}x |`;
  });
  return ["| connections | with | without | ratio |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
