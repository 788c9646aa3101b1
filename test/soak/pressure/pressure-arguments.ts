import { parseSuiteArguments } from "../arguments.ts";
import { allPatterns } from "./patterns.ts";
import type { PressureOptions } from "./pressure.ts";

/** The arguments of the suites `memory` and `latency`. */
export function parsePressureArguments(suite: string): PressureOptions {
  const patterns = allPatterns();
  const usage = `usage: npm run soak -- ${suite} [--seed S] [--minutes M] [--pace FACTOR] [--only PATTERN]...
--pace is the factor of the pauses between bursts of the mix
patterns:
${patterns.map(({ name, summary }) => `  ${name.padEnd(22)} ${summary}`).join("\n")}`;
  const { seed, seconds, values } = parseSuiteArguments(usage, {
    pace: { type: "string" },
    only: { type: "string", multiple: true },
  });
  const pace = Number(values.pace ?? "10");
  const chosen = patterns.filter(({ name }) => values.only?.includes(name) ?? true);
  if (!(pace >= 0) || chosen.length < (values.only?.length ?? 0)) {
    console.error(usage);
    process.exit(2);
  }
  return { seed, seconds, pace, patterns: chosen };
}
