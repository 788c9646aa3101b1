import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/** Arguments that every soak suite takes. */
export interface SuiteArguments<Options extends ParseArgsOptionsConfig> {
  /** Seed of all random choices. The same seed repeats a run as far as timing permits. */
  readonly seed: number;
  /** About how long the run lasts, in seconds, without its preparation and its end. */
  readonly seconds: number;
  readonly values: ReturnType<typeof parseArgs<{ options: Options }>>["values"];
}

/**
 * Parses the arguments of a soak suite's program: `--seed`, chosen at random if missing, `--seconds`, and those in
 * `options`. If they are invalid, prints `usage` and ends the process with status 2.
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

/** A random seed, for a run without a given one. */
export function drawSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}
