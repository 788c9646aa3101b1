// The soak suite `fuzz`: sends valid, mutated, conditional and slow requests, all chosen by a seed. See USAGE.

import { startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { parseSuiteArguments } from "../arguments.ts";
import { figure } from "../figures.ts";
import { peakMemoryBytes } from "../peak-memory.ts";
import { type FuzzOptions, fuzz } from "./fuzz.ts";
import { runScenarios, SCENARIO_NAMES } from "./scenarios/all-scenarios.ts";

const USAGE = `usage: npm run soak -- fuzz [--seed S] [--minutes M] [--requests NUMBER] [--round NUMBER]
Mutated requests take 40 % of the time. Rounds of these scenarios take the rest:
${SCENARIO_NAMES.join(", ")}.
--requests stops the mutated requests after that many and runs no scenarios; --round runs only that round.`;

/** The part of the time for mutated requests. */
const MUTATED_SHARE = 0.4;

/** Time kept for ending the server and removing its data, in milliseconds. */
const ENDING_MS = 1000;

const startedAt = performance.now();
const { seed, seconds, values } = parseSuiteArguments(USAGE, {
  requests: { type: "string" },
  round: { type: "string" },
});
const requests = values.requests === undefined ? Number.POSITIVE_INFINITY : Number(values.requests);
const only = values.round === undefined ? undefined : Number(values.round);
if (!(requests > 0) || !Number.isInteger(only ?? 0)) {
  console.error(USAGE);
  process.exit(2);
}

console.log(`seed ${seed}, for ${seconds} s`);
const endAt = startedAt + seconds * 1000 - ENDING_MS;
const again = `npm run soak -- fuzz --seed ${seed}`;
await using folder = await temporaryFolder("fuzz");
await using server = await startServerProcess(folder.path, {
  SLIPWAY_BUILDER_ENABLED: "false",
  // Some manifests have a subject and large annotations.
  SLIPWAY_REGISTRY_REFERRER_ANNOTATION_BYTES: String(4 * 1024 * 1024),
});
const problems = [
  ...(only === undefined
    ? await mutatedProblems({ seed, endAt: startedAt + seconds * MUTATED_SHARE * 1000, requests })
    : []),
  ...(values.requests === undefined ? await scenarioProblems() : []),
];
figure("peak resident memory", `${Math.round(peakMemoryBytes(server.pid) / 2 ** 20)} MiB`);
for (const problem of problems) console.log(`PROBLEM ${problem}`);
console.log(`${problems.length === 0 ? 1 : 0} passed, ${problems.length} failed`);
process.exitCode = problems.length === 0 ? 0 : 1;
// A round that was cut off leaves open connections. A normal shutdown would wait for them.
await server.end("SIGKILL");

async function mutatedProblems(options: FuzzOptions): Promise<readonly string[]> {
  const { sent, statuses, problems } = await fuzz(server, options);
  const counts = [...statuses]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, count]) => `${status}: ${count}`);
  figure("mutated requests", String(sent));
  console.log(counts.join(", "));
  if (problems.length > 0) console.log(`repeat with: ${again} --requests ${sent}`);
  return problems;
}

async function scenarioProblems(): Promise<readonly string[]> {
  const { rounds, unfinished, problems } = await runScenarios(server, { seed, endAt, only });
  const cutOff = unfinished === undefined ? "" : `; the time was up in round ${unfinished}`;
  figure("rounds of scenarios", String(Object.values(rounds).reduce((sum, count) => sum + count, 0)));
  console.log(`rounds ${JSON.stringify(rounds)}${cutOff}`);
  const number = /^round (\d+)/.exec(problems[0] ?? "")?.[1];
  if (number !== undefined) console.log(`repeat with: ${again} --round ${number}`);
  return problems;
}
