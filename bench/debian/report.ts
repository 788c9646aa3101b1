import type { Samples } from "../samples.ts";
import { ADDITIONS, IMAGES, measureOf } from "./measures.ts";
import { MMDEBSTRAP } from "./mmdebstrap.ts";
import { SLIPWAY } from "./slipway.ts";

const FIRST_GOAL = 0.75;
const LATER_GOAL = 0.4;
const ADDITION_GOAL_SECONDS = 1.5;

/** The report as Markdown. */
export function renderDebianReport(samples: Samples, rounds: number, facts: readonly string[]): string {
  return `# Images from Debian packages, beside mmdebstrap

Written by \`npm run bench:debian -- --rounds ${rounds} --write docs/benchmarks-debian.md\`. Slipway and mmdebstrap take the same
package files from one repository on this machine, one after the other in each of ${rounds} rounds. All
that was written before is on the disk when a measurement begins. A figure is the median, with the range in brackets.

${facts.map((fact) => `- ${fact}`).join("\n")}

## Beside mmdebstrap

${comparison(samples)}

- Slipway: the time from the request until the last byte of the manifest. All layers are compressed, stored and synced by then.
- ${MMDEBSTRAP}: the time in which it installs the same packages, in the same versions, into a folder, as root. It compresses nothing.
- first: the server has no data, not even package lists.
- later: the server has built \`${IMAGES[0]}\`, the images of the next table and those of the rows above. So it has package lists,
  layers of the packages that these share, and what configuring the packages of every image changes.

## A small addition

${additions(samples)}

\`${ADDITIONS.cached.image}\` is built after \`${IMAGES[0]}\` and \`${ADDITIONS.cached.before}\`, so all its packages have layers.
\`${ADDITIONS.fresh.image}\` is built after \`${IMAGES[0]}\`: the layer of its last package is made as well.
`;
}

function comparison(samples: Samples): string {
  const kinds = [
    { kind: "first", goal: FIRST_GOAL, images: IMAGES },
    { kind: "later", goal: LATER_GOAL, images: IMAGES.slice(1) },
  ] as const;
  const rows = kinds.flatMap(({ kind, goal, images }) =>
    images.map((image) => {
      const measure = measureOf(kind, image);
      const ratio = samples.ratio(measure, SLIPWAY, MMDEBSTRAP);
      const cells = [SLIPWAY, MMDEBSTRAP].map((subject) => figure(samples, measure, subject));
      const verdict = ratio === undefined ? "-" : met(ratio <= goal);
      return [`${kind}: \`${image}\``, ...cells, ratio?.toFixed(2) ?? "-", `at most ${goal}`, verdict];
    }),
  );
  return table(["", SLIPWAY, MMDEBSTRAP, "ratio", "goal", "met"], rows);
}

function additions(samples: Samples): string {
  const { cached, fresh } = ADDITIONS;
  const time = (image: string) => figure(samples, measureOf("later", image), SLIPWAY);
  const median = samples.median(measureOf("later", cached.image), SLIPWAY) ?? Number.NaN;
  const goal = `at most ${ADDITION_GOAL_SECONDS} s on an idle machine`;
  return table(
    ["", SLIPWAY, "goal", "met"],
    [
      [
        `\`${cached.image}\`, all layers of packages are there`,
        time(cached.image),
        goal,
        met(median <= ADDITION_GOAL_SECONDS),
      ],
      [`\`${fresh.image}\`, one layer is not`, time(fresh.image), "-", "-"],
    ],
  );
}

function met(isMet: boolean): string {
  return isMet ? "yes" : "**no**";
}

function figure(samples: Samples, measure: string, subject: string): string {
  const median = samples.median(measure, subject);
  const range = samples.range(measure, subject);
  if (median === undefined || range === undefined) return "-";
  return `${median.toFixed(2)} s (${range.least.toFixed(2)} to ${range.most.toFixed(2)})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
