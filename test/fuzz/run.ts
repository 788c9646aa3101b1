import { parseArgs } from "node:util";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    seconds: { type: "string", default: "60" },
    requests: { type: "string" },
  },
});
const seed = Number(values.seed);
const seconds = Number(values.seconds);
const requests = values.requests === undefined ? Number.POSITIVE_INFINITY : Number(values.requests);
if (!Number.isInteger(seed) || !(seconds > 0) || !(requests > 0)) {
  console.error("usage: npm run test:fuzz -- [--seed NUMBER] [--seconds NUMBER] [--requests NUMBER]");
  process.exit(2);
}

console.log(`seed ${seed}, for ${seconds} s`);
await using folder = await temporaryFolder("fuzz");
await using server = await startServerProcess(folder.path, { SLIPWAY_BUILDER_ENABLED: "false" });
const { sent, statuses, problems } = await fuzz(server, { seed, seconds, requests });
const counts = [...statuses]
  .toSorted(([a], [b]) => (a < b ? -1 : 1))
  .map(([status, count]) => `${status}: ${count}`);
console.log(`${sent} requests (${counts.join(", ")})`);
console.log(`peak resident memory ${Math.round(server.peakMemoryBytes() / 2 ** 20)} MiB`);
for (const problem of problems) console.log(`PROBLEM ${problem}`);
if (problems.length > 0) console.log(`again: npm run test:fuzz -- --seed ${seed} --requests ${sent}`);
console.log(`${problems.length === 0 ? 1 : 0} passed, ${problems.length} failed`);
process.exitCode = problems.length === 0 ? 0 : 1;
