// The soak suite `faults`: a server that is killed, or whose disk fails, at the Nth call of some kind. See USAGE.
import { Checks } from "../../support/checks.ts";
import { installed } from "../../support/command.ts";
import { canTrace } from "../../support/crashes/disk-calls.ts";
import { type Fault, nameOf, parseFault, runWithFault } from "../../support/crashes/fault-run.ts";
import { Random } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { parseSuiteArguments } from "../arguments.ts";

const USAGE = `usage: npm run soak -- faults [--seed S] [--minutes M] [--runs N] [--only CALLS:OUTCOME:N] [--builds]
Draws faults for as long as it is told, or N: SIGKILL before the Nth call, or ENOSPC or EIO from it. Another server uses the
same folder in turn. Every fourth run builds images too. --only tries one fault, with --builds while images are built.`;

const STEPS = 12;

/** Kinds of calls, and how many of each a run makes at most in some thread. */
const CALLS: readonly (readonly [string, number])[] = [
  ["pwrite64", 220],
  ["fsync,fdatasync", 40],
  ["fdatasync", 20],
  ["mkdir", 40],
  ["rename", 15],
  ["unlink,unlinkat,rmdir", 20],
  ["ftruncate", 15],
];
const CAN_BUILD = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
const OUTCOMES: readonly Fault["outcome"][] = ["KILL", "ENOSPC", "EIO"];

const { seed, seconds, values } = parseSuiteArguments(USAGE, {
  only: { type: "string" },
  runs: { type: "string" },
  builds: { type: "boolean" },
});
const checks = new Checks();
if (await canTrace()) await run();
else checks.check(false, () => "strace is not installed, or cannot trace");
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;

async function run(): Promise<void> {
  const random = new Random(seed);
  const endAt = performance.now() + seconds * 1000;
  const isOngoing = (runs: number) =>
    values.runs === undefined ? performance.now() < endAt : runs < Number(values.runs);
  const counts = { runs: 0, died: 0, acknowledged: 0, pulled: 0 };
  do {
    const fault = values.only === undefined ? draw(random) : parseFault(values.only);
    const builds = values.only === undefined ? CAN_BUILD && counts.runs % 4 === 3 : values.builds === true;
    await using folder = await temporaryFolder("fault");
    const { problems, hasDied, acknowledged, pulled } = await runWithFault(folder.path, fault, {
      seed,
      steps: STEPS,
      builds,
    });
    counts.runs += 1;
    counts.died += hasDied ? 1 : 0;
    counts.acknowledged += acknowledged;
    counts.pulled += pulled;
    const again = `npm run soak -- faults --seed ${seed} --only ${nameOf(fault)}${builds ? " --builds" : ""}`;
    checks.check(problems.length === 0, () => `${problems.join("; ")}; again: ${again}`);
  } while (values.only === undefined && isOngoing(counts.runs));
  const { runs, died, acknowledged, pulled } = counts;
  console.log(
    `figure: faults: ${runs} runs, ${died} servers died, ${acknowledged} calls acknowledged, ${pulled} images pulled`,
  );
}

function draw(random: Random): Fault {
  const [calls, most] = random.pick(CALLS);
  return { calls, outcome: random.pick(OUTCOMES), at: 1 + random.below(most) };
}
