import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandOutcome, run } from "../../support/command.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import type { SuiteReport } from "./suite.ts";

/** One test of a suite. */
export interface SuiteTest {
  readonly name: string;
  /** `passed`, `skipped`, or how it failed. */
  readonly status: string;
}

/** A test that is skipped, and why. */
export interface KnownSkip {
  readonly test: string;
  readonly reason: string;
}

/** The result of a suite's program, and the reported tests. */
export interface SuiteOutcome extends CommandOutcome {
  readonly tests: readonly SuiteTest[];
}

/** Runs a suite's program with `environment`, and with a folder for its results in the variable `folderVariable`. */
export async function runProgram(
  command: readonly string[],
  folderVariable: string,
  environment: Readonly<Record<string, string>>,
): Promise<SuiteOutcome> {
  await using folder = await temporaryFolder("conformance-results");
  const outcome = await run(command, { ...environment, [folderVariable]: folder.path });
  const junit = await readFile(join(folder.path, "junit.xml"), "utf8").catch(() => {
    throw new Error(`the suite left no results:\n${outcome.stdout}${outcome.stderr}`);
  });
  return { ...outcome, tests: readTests(junit) };
}

/** The tests of a JUnit report, in order. */
export function readTests(junit: string): readonly SuiteTest[] {
  const tests = junit.matchAll(/<testcase name="([^"]*)"[^>]* status="([^"]*)"/g);
  return [...tests].map(([, name = "", status = ""]) => ({ name, status }));
}

/** Checks a run: the tests in `skips` must have been skipped, and all others must have passed. */
export function judge(
  { tests, exitCode, stdout, stderr }: SuiteOutcome,
  skips: readonly KnownSkip[],
): SuiteReport {
  const known = new Map(skips.map(({ test, reason }) => [test, reason]));
  const passed = tests.filter(({ status }) => status === "passed").length;
  const problems = tests.flatMap(({ name, status }) => {
    const reason = known.get(name);
    if (reason === undefined) return status === "passed" ? [] : [`${status}: ${name}`];
    return status === "skipped" ? [] : [`${status}, and is known to be skipped (${reason}): ${name}`];
  });
  const names = new Set(tests.map(({ name }) => name));
  for (const { test } of skips) {
    if (!names.has(test)) problems.push(`known to be skipped, and no test of the suite: ${test}`);
  }
  if (passed === 0) problems.push("no test passed");
  if (exitCode !== 0 && problems.length === 0) problems.push(`the suite ended with ${exitCode}`);
  const skipped = tests.filter(({ name, status }) => status === "skipped" && known.has(name)).length;
  return { passed, skipped, problems, output: `${stdout}${stderr}` };
}
