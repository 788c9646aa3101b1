import type { Samples } from "../samples.ts";
import { BUILDER_MEASURES, IMAGE } from "./measures.ts";
import { NIXERY } from "./nixery.ts";
import { SLIPWAY } from "./slipway.ts";

/** The parts of a report besides the figures. */
export interface BuilderReportContext {
  readonly rounds: number;
  /** Lines about the machine and the versions. */
  readonly facts: readonly string[];
  /** Why Nixery was not measured. */
  readonly missing: string | undefined;
  /** Lines that compare the programs of both images. */
  readonly programs: readonly string[];
}

interface Row {
  readonly measure: string;
  /** How many times faster than Nixery it must be. */
  readonly goal: number | undefined;
}

const { cold, layers, newName, warm, pinned } = BUILDER_MEASURES;
const ROWS: readonly Row[] = [
  { measure: cold, goal: 1 },
  { measure: layers, goal: 2 },
  { measure: newName, goal: 10 },
  { measure: warm, goal: 20 },
  { measure: pinned, goal: undefined },
];

/** The report as Markdown. */
export function renderBuilderReport(samples: Samples, context: BuilderReportContext): string {
  const { rounds, facts, missing, programs } = context;
  return `# Builds from Nix, beside Nixery

Written by \`npm run bench:builder -- --write docs/benchmarks-builder.md\`. Slipway and Nixery run on one machine, on one package
set, one after the other in each of ${rounds} rounds. A figure is the time from the request until the last byte of the manifest,
over the loopback: the median, and the range in brackets.

${facts.map((fact) => `- ${fact}`).join("\n")}
${missing === undefined ? "" : `- Nixery is not measured: ${missing}\n`}
## Time to the manifest

${table(samples)}

- ${cold}: an empty Nix store and nothing stored. The set's package files come from a server on the loopback, for both.
- ${layers}: the registry was started again; only the Nix store is still there.
- ${newName}: other subsets of the packages, after that. None was asked for before.
- ${warm}: once more, while the set is a folder that may change. Nixery evaluates each time. Slipway looks at the folder only
  when the image is older than \`builder.refreshSeconds\`.
- ${pinned}: the set is a commit of a git repository, for which Nixery keeps manifests.

Nixery builds without a sandbox, as in its own container, and Slipway with one. Slipway syncs what it stores to the disk,
which Nixery leaves to the system. Both compress with gzip at level 6, which is most of the second row; Slipway compresses
two layers at once, so other load on the machine costs it more. Slipway's search index and its Debian images are switched off.
${programs.length === 0 ? "" : sameness(programs)}`;
}

function sameness(programs: readonly string[]): string {
  return `
## The same programs

Both images of \`${IMAGE}\` are pulled with skopeo, unpacked with umoci and run with chroot. What the programs answer to
\`--version\`, compared in full; the first line is shown:

${programs.map((line) => `- ${line}`).join("\n")}
`;
}

function table(samples: Samples): string {
  const rows = ROWS.map(({ measure, goal }) => {
    const [mine, theirs] = [samples.median(measure, SLIPWAY), samples.median(measure, NIXERY)];
    const ratio = mine === undefined || theirs === undefined ? undefined : theirs / mine;
    const met = ratio === undefined || goal === undefined ? "-" : ratio >= goal ? "yes" : "**no**";
    const wanted = goal === undefined ? "-" : `at least ${goal}x`;
    const factor = ratio === undefined ? "-" : `${ratio.toFixed(ratio < 10 ? 2 : 0)}x`;
    return [
      measure,
      figure(samples, measure, SLIPWAY),
      figure(samples, measure, NIXERY),
      factor,
      wanted,
      met,
    ];
  });
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = ["", SLIPWAY, NIXERY, "faster by", "goal", "met"];
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function figure(samples: Samples, measure: string, subject: string): string {
  const median = samples.median(measure, subject);
  const range = samples.range(measure, subject);
  if (median === undefined || range === undefined) return "-";
  return `${seconds(median)} (${seconds(range.least)} to ${seconds(range.most)})`;
}

function seconds(value: number): string {
  return value < 0.1 ? `${(value * 1000).toFixed(value < 0.01 ? 2 : 1)} ms` : `${value.toFixed(2)} s`;
}
