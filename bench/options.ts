import { parseArgs } from "node:util";

/** What to measure, and how long. */
export interface BenchOptions {
  readonly rounds: number;
  /** Duration of the load for each kind of request, server and round. */
  readonly seconds: number;
  readonly largeBlobMib: number;
  /** How many uploads run at once when memory is measured, and the size of each. */
  readonly uploads: number;
  readonly uploadMib: number;
  /** Another checkout of Slipway, to measure in the same run. */
  readonly beside: string | undefined;
  /** File for the report. */
  readonly write: string | undefined;
}

export const USAGE = `Usage: npm run bench -- [options]

Measures Slipway beside nginx, Distribution and zot, as far as they are installed, and prints ratios.

  --rounds N       rounds, of which the median counts (5)
  --seconds N      seconds of load per kind of request, server and round (3)
  --large-mib N    size of the large blob (256)
  --uploads N      uploads at once when memory is measured (64)
  --upload-mib N   size of each of them (256)
  --quick          a short trial of everything; its figures mean little
  --beside FOLDER  also measures the Slipway in FOLDER, a checkout with its dependencies, such as the last release
  --write FILE     also write the report to FILE, such as docs/benchmarks.md`;

/** Parses `args`; `undefined` if they ask for help. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: flag,
      quick: flag,
      rounds: text,
      seconds: text,
      "large-mib": text,
      uploads: text,
      "upload-mib": text,
      beside: text,
      write: text,
    },
  });
  if (values.help) return undefined;
  const defaults = values.quick
    ? { rounds: 1, seconds: 1, largeMib: 64, uploads: 8, uploadMib: 32 }
    : { rounds: 5, seconds: 3, largeMib: 256, uploads: 64, uploadMib: 256 };
  return {
    rounds: count("--rounds", values.rounds, defaults.rounds),
    seconds: count("--seconds", values.seconds, defaults.seconds),
    largeBlobMib: count("--large-mib", values["large-mib"], defaults.largeMib),
    uploads: count("--uploads", values.uploads, defaults.uploads),
    uploadMib: count("--upload-mib", values["upload-mib"], defaults.uploadMib),
    beside: values.beside,
    write: values.write,
  };
}

function count(name: string, text: string | undefined, fallback: number): number {
  const value = Number(text ?? fallback);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} takes a whole number from 1 on`);
  return value;
}
