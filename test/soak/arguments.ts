import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/** What every soak suite is told. */
export interface SuiteArguments<Options extends ParseArgsOptionsConfig> {
  /** Chooses everything random; the same seed repeats a run as far as timing lets it. */
  readonly seed: number;
  /** About how long the run lasts, without what prepares and ends it. */
  readonly seconds: number;
  readonly values: ReturnType<typeof parseArgs<{ options: Options }>>["values"];
}

/**
 * The arguments of a soak suite's program: `--seed`, drawn if it is missing, `--seconds`, and those in `options`. Prints
 * `usage` and ends the process with status 2 if they make no sense.
 */
export function parseSuiteArguments<Options extends ParseArgsOptionsConfig>(
  usage: string,
  options: Options,
): SuiteArguments<Options> {
  const fail = (reason: string): never => {
    console.error(`${reason}\n${usage}`);
    process.exit(2);
  };
  const { values } = (() => {
    try {
      return parseArgs({ options: { ...options, seed: { type: "string" }, seconds: { type: "string" } } });
    } catch (error) {
      return fail((error as Error).message);
    }
  })();
  const { seed = String(drawSeed()), seconds = "60" } = values as Readonly<Record<string, string>>;
  if (!Number.isInteger(Number(seed))) fail("--seed is a whole number");
  if (!(Number(seconds) > 0)) fail("--seconds is a number above 0");
  return { seed: Number(seed), seconds: Number(seconds), values: values as never };
}

/** A seed for a run that was given none. */
export function drawSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}
