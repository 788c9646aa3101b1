// `npm run soak`: the suites whose verdicts depend on time, load or chance. See USAGE.
import { drawSeed } from "./arguments.ts";
import { type Figure, parseFigure } from "./figures.ts";
import { SOAK_SUITES, type SoakSuite } from "./suites.ts";

const USAGE = `usage: npm run soak -- [SUITE...] [--seed S] [--minutes M] [OPTION OF THE SUITE...]
Runs the named suites, or all. --minutes is for the whole run: every suite gets an equal part, besides the time that it
takes to prepare and to end. Options that are not known here go to the suite; then exactly one is named.
suites:
${SOAK_SUITES.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join("\n")}`;

interface SoakOptions {
  readonly suites: readonly SoakSuite[];
  readonly seed: number;
  readonly minutes: number;
  /** Arguments for the only suite. */
  readonly rest: readonly string[];
}

interface Outcome {
  readonly suite: SoakSuite;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** The suite's result, such as `12 passed, 0 failed`, or how it ended without one. */
  readonly verdict: string;
  readonly isGood: boolean;
}

const options = parseOptions(process.argv.slice(2));
if (typeof options === "string") {
  console.error(`${options === "" ? "" : `${options}\n`}${USAGE}`);
  process.exit(2);
}
process.exitCode = await run(options);

function parseOptions(args: readonly string[]): SoakOptions | string {
  const suites: SoakSuite[] = [];
  const rest: string[] = [];
  let [seed, minutes] = [drawSeed(), 7];
  const waiting = args.values();
  for (const argument of waiting) {
    if (argument === "--help") return "";
    if (argument === "--seed") seed = Number(waiting.next().value);
    else if (argument === "--minutes") minutes = Number(waiting.next().value);
    else if (argument.startsWith("-") || rest.length > 0) rest.push(argument);
    else {
      const suite = SOAK_SUITES.find(({ name }) => name === argument);
      if (suite === undefined) return `there is no suite ${argument}`;
      suites.push(suite);
    }
  }
  if (!Number.isInteger(seed)) return "--seed is a whole number";
  if (!(minutes > 0)) return "--minutes is a number above 0";
  if (rest.length > 0 && suites.length !== 1)
    return `${rest[0]} is an option of no suite, or of one that is not named`;
  return { suites: suites.length > 0 ? suites : SOAK_SUITES, seed, minutes, rest };
}

async function run({ suites, seed, minutes, rest }: SoakOptions): Promise<number> {
  const seconds = Math.max(1, Math.round((minutes * 60) / suites.length));
  console.log(`seed ${seed}, ${minutes} minutes, ${seconds} s for each suite`);
  const outcomes: Outcome[] = [];
  for (const suite of suites) outcomes.push(await runSuite(suite, suite.command(seed, seconds), rest));
  console.log("\n=== soak");
  for (const outcome of outcomes) printOutcome(outcome);
  const failed = outcomes.filter(({ isGood }) => !isGood);
  for (const { suite } of failed) {
    const again = [suite.name, `--seed ${seed}`, `--minutes ${(seconds / 60).toFixed(2)}`, ...rest].join(" ");
    console.log(`again: npm run soak -- ${again}`);
  }
  console.log(`${outcomes.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

/** Runs a suite in a separate process and passes on its output. */
async function runSuite(
  suite: SoakSuite,
  command: readonly string[],
  rest: readonly string[],
): Promise<Outcome> {
  console.log(`\n=== ${suite.name}: ${suite.summary}`);
  const begunAt = performance.now();
  const child = Bun.spawn([process.execPath, ...command, ...rest], { stdout: "pipe", stderr: "pipe" });
  const figures: Figure[] = [];
  let verdict: string | undefined;
  const follow = async (output: ReadableStream<Uint8Array>) => {
    for await (const line of linesOf(output)) {
      console.log(line);
      const found = parseFigure(line);
      if (found !== undefined) figures.push(found);
      verdict = verdictIn(line, verdict);
    }
  };
  await Promise.all([follow(child.stdout), follow(child.stderr)]);
  const status = await child.exited;
  return {
    suite,
    seconds: Math.round((performance.now() - begunAt) / 1000),
    figures,
    verdict: verdict ?? `ended with ${status}`,
    isGood: status === 0,
  };
}

/**
 * The result so far, with `line` added. Knows the endings `12 passed, 0 failed` of our programs and `12 pass` of Bun.
 */
function verdictIn(line: string, before: string | undefined): string | undefined {
  if (/^\d+ passed, \d+ failed$/.test(line)) return line;
  const [, passed] = /^\s*(\d+) pass$/.exec(line) ?? [];
  if (passed !== undefined) return `${passed} passed`;
  const [, failed] = /^\s*(\d+) fail$/.exec(line) ?? [];
  return failed === undefined || before === undefined ? before : `${before}, ${failed} failed`;
}

async function* linesOf(output: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of output.pipeThrough(new TextDecoderStream() as never) as AsyncIterable<string>) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function printOutcome({ suite, seconds, figures, verdict, isGood }: Outcome): void {
  console.log(
    `${suite.name.padEnd(9)} ${isGood ? "passed" : "FAILED"}  ${String(seconds).padStart(4)} s  ${verdict}`,
  );
  for (const { name, value } of figures) console.log(`          ${name.padEnd(44)} ${value}`);
}
