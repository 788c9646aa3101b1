import { DOWNLOAD_CPU } from "../measures/download.ts";
import { DURABLE_WRITE_ALONE, PUSH, SHA256_ALONE } from "../measures/push.ts";
import { REQUEST_MEASURES } from "../measures/requests.ts";
import { REFUSED_UPLOADS, UPLOAD_MEMORY } from "../measures/upload-memory.ts";
import type { BenchOptions } from "../options.ts";
import type { Samples } from "../samples.ts";
import { goalOutcomes } from "./goals.ts";

/** The parts of a report besides the figures. */
export interface ReportContext {
  readonly options: BenchOptions;
  readonly facts: readonly string[];
  readonly missing: readonly string[];
  /** Names of the servers, Slipway first. */
  readonly servers: readonly string[];
}

/** The report as Markdown. */
export function renderReport(samples: Samples, context: ReportContext): string {
  const { options, facts, missing, servers } = context;
  return `# Benchmarks

Written by \`npm run bench -- --write docs/benchmarks.md\`. All servers run side by side on one machine, in one run, one
after the other in every round; each figure is the median of ${options.rounds} rounds.

Other benchmarks: [builds from Nix, beside Nixery](benchmarks-builder.md), [images from Debian packages, beside
mmdebstrap](benchmarks-debian.md), [plans of layers](benchmarks-layers.md), [the descriptor cache](benchmarks-cache.md).

${facts.map((fact) => `- ${fact}`).join("\n")}
${missing.map((sentence) => `- ${sentence}\n`).join("")}
## Goals

${goalTable(samples)}

## Requests per second

32 connections, ${options.seconds} s of load each: \`wrk -t2 -c32 --latency\`, and \`bench/head-load.ts\` for HEAD, which wrk cannot
make. In brackets: Slipway's rate as a multiple of that server's.

${measureTable(samples, Object.values(REQUEST_MEASURES), servers)}

## Large blob (${options.largeBlobMib} MiB)

CPU time is that of all of the server's processes, over 4 GiB fetched with curl. Pushes are of random content that the server has not
seen, in one POST and one PUT. SHA-256 alone hashes the same bytes in memory; durable write alone writes
them to a file beside the servers' data and calls \`fdatasync\`. In brackets: Slipway's figure as a multiple of that one.

${measureTable(samples, [DOWNLOAD_CPU, PUSH], [...servers, SHA256_ALONE, DURABLE_WRITE_ALONE])}

## Memory

\`VmHWM\` of the server's processes while ${options.uploads} uploads of ${options.uploadMib} MiB run at once, each in a session of its own. In brackets: Slipway's
figure as a multiple of that one. The Node process that \`npm start\` leaves waiting is not counted.

${measureTable(samples, [UPLOAD_MEMORY, REFUSED_UPLOADS], servers)}
`;
}

function goalTable(samples: Samples): string {
  const rows = goalOutcomes(samples).map(({ what, goal, measured, isMet }) => [
    what,
    goal,
    formatFigure(measured),
    isMet === undefined ? "not measured" : isMet ? "yes" : "**no**",
  ]);
  return table(["what", "goal", "measured", "met"], rows);
}

function measureTable(samples: Samples, measures: readonly string[], subjects: readonly string[]): string {
  const shown = subjects.filter((subject) =>
    measures.some((measure) => samples.median(measure, subject) !== undefined),
  );
  const own = shown[0] ?? "";
  const rows = measures.map((measure) => [
    measure,
    ...shown.map((subject) => {
      const figure = formatFigure(samples.median(measure, subject));
      const ratio = samples.ratio(measure, own, subject);
      return subject === own || ratio === undefined ? figure : `${figure} (${formatFigure(ratio)}x)`;
    }),
  ]);
  return table(["", ...shown], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function formatFigure(figure: number | undefined): string {
  if (figure === undefined || Number.isNaN(figure)) return "-";
  return figure >= 100 ? Math.round(figure).toLocaleString("en") : figure.toFixed(figure >= 10 ? 1 : 2);
}
