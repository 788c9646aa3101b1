// `npm run test:memory`: everything that clients do to take a server's memory and time, mixed. See USAGE.
import { parseArgs } from "node:util";
import { Checks } from "../support/checks.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { allPatterns } from "./patterns.ts";
import { Soak } from "./soak.ts";

const USAGE = `usage: npm run test:memory -- [--seed NUMBER] [--seconds NUMBER] [--pace NUMBER] [--only PATTERN]...
--pace is the factor of the pauses between bursts of the mix
patterns:
${allPatterns()
  .map(({ name, summary }) => `  ${name.padEnd(22)} ${summary}`)
  .join("\n")}`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    seconds: { type: "string", default: "60" },
    pace: { type: "string", default: "10" },
    only: { type: "string", multiple: true },
  },
});
const [seed, seconds, pace] = [Number(values.seed), Number(values.seconds), Number(values.pace)];
const patterns = allPatterns().filter(({ name }) => values.only?.includes(name) ?? true);
if (
  !Number.isInteger(seed) ||
  !(seconds > 0) ||
  !(pace >= 0) ||
  patterns.length < (values.only?.length ?? 0)
) {
  console.error(USAGE);
  process.exit(2);
}

console.log(`seed ${seed}, ${seconds} s, pace ${pace}`);
await using folder = await temporaryFolder("memory");
await using server = await startServerProcess(folder.path, { SLIPWAY_BUILDER_ENABLED: "false" });
const checks = new Checks();
using soak = new Soak(server, { seed, seconds, pace, patterns }, checks);
await soak.run();
if (checks.failed > 0) {
  const only = (values.only ?? []).map((name) => ` --only ${name}`).join("");
  console.log(`again: npm run test:memory -- --seed ${seed} --seconds ${seconds} --pace ${pace}${only}`);
}
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;
