// The soak suite `power-cut`: what a power cut at any moment leaves of a recorded run. See USAGE.
import { join } from "node:path";
import { Checks } from "../../support/checks.ts";
import { canTrace } from "../../support/crashes/disk-calls.ts";
import {
  drawCuts,
  type PowerCut,
  type PowerCutResult,
  parseCut,
  tryPowerCuts,
} from "../../support/crashes/power-cuts.ts";
import { type Recording, record } from "../../support/crashes/recording.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { parseSuiteArguments } from "../arguments.ts";
import { SCENARIOS, SYNC_CLASSES } from "./scenarios.ts";

const USAGE = `usage: npm run soak -- power-cut [--seed S] [--states N] [--scenario NAME] [--only EVENT:MODE:SEED]
Records each scenario once and tries as many states as it names, or N. Then leaves out each class of syncs in turn: each
must give bad states. --only tries one state of a recording made anew, which differs a little from the last one.
scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}`;

/** States to try for each class of syncs that is left out. */
const STATES_WITHOUT_SYNC = 200;
/** Bad states to describe, for each scenario. */
const SHOWN = 5;

const { seed, values } = parseSuiteArguments(USAGE, {
  states: { type: "string" },
  scenario: { type: "string" },
  only: { type: "string" },
});
const checks = new Checks();
if (await canTrace()) {
  for (const scenario of SCENARIOS) {
    if (values.scenario === undefined || values.scenario === scenario.name) await runScenario(scenario);
  }
} else {
  checks.check(false, () => "strace is not installed, or may not trace");
}
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;

async function runScenario({ name, states, options, losesSyncs }: (typeof SCENARIOS)[number]): Promise<void> {
  await using folder = await temporaryFolder("power-cut");
  const recording = await record(folder.path, { ...options, seed });
  const acknowledged = recording.history.acknowledgements().length;
  console.log(`${name}: seed ${seed}, ${recording.events.length} events, ${acknowledged} calls acknowledged`);
  const count = Number(values.states ?? states);
  const cuts = values.only === undefined ? drawCuts(recording, count, seed) : [parseCut(values.only)];
  const result = await tried(recording, cuts, folder.path);
  print(`figure: power-cut ${name}: ${result.bad.length} of ${result.states} states bad`, result);
  checks.check(result.bad.length === 0, () => `${name}: ${result.bad.length} bad states`);
  checks.check(result.unknownCalls.length === 0, () => `${name}: unknown calls: ${result.unknownCalls}`);
  if (losesSyncs !== true || values.only !== undefined) return;
  for (const [kind, pattern] of SYNC_CLASSES) {
    const fewer = drawCuts(recording, STATES_WITHOUT_SYNC, seed + 1);
    const without = await tried(recording, fewer, folder.path, pattern);
    console.log(`without syncs of ${kind}: ${without.bad.length} of ${without.states} states bad`);
    checks.check(without.bad.length > 0, () => `no state is bad without syncs of ${kind}`);
  }
}

function tried(
  recording: Recording,
  cuts: readonly PowerCut[],
  folder: string,
  ignoreSyncsOf?: RegExp,
): Promise<PowerCutResult> {
  return tryPowerCuts(recording, cuts, join(folder, "states"), { ignoreSyncsOf });
}

function print(line: string, { bad }: PowerCutResult): void {
  console.log(line);
  for (const { name, problems } of bad.slice(0, SHOWN))
    console.log(`  ${name}: ${problems.slice(0, 3).join("; ")}`);
}
