import type { PlanPart } from "../../src/builder/plan/layer-plan.ts";
import { Random } from "../../test/support/random.ts";
import { type PackageSet, randomImages } from "./package-set.ts";
import { measuredPlans, PLAN_NAMES } from "./plans.ts";
import { allBytes, type Images, layersOf, transferredBytes, unionBytes } from "./transfers.ts";

/** The images to generate from each set. */
export interface LayerBenchOptions {
  readonly seed: number;
  readonly imageCount: number;
}

/** Transferred bytes as a multiple of the bytes of all parts, for each plan and budget. */
export interface SetFigures {
  readonly set: PackageSet;
  readonly images: Images;
  readonly factors: ReadonlyMap<string, readonly number[]>;
}

const BUDGETS = [94, 40, 20];
const UPDATED_PERCENT = 5;

/** Measures all plans on images of `set`. */
export function measureSet(set: PackageSet, { seed, imageCount }: LayerBenchOptions): SetFigures {
  const images = randomImages(set, imageCount, new Random(seed));
  const union = unionBytes(images);
  const factors = measuredPlans(set).map(({ name, grouping }): [string, readonly number[]] => [
    name,
    BUDGETS.map((budget) => transferredBytes(images, grouping, budget) / union),
  ]);
  return { set, images, factors: new Map(factors) };
}

/** The table of a set's factors. */
export function factorTable({ set, images, factors }: SetFigures): string {
  const counts = images.map((parts) => parts.length).toSorted((left, right) => left - right);
  const mean = Math.round(counts.reduce((sum, count) => sum + count, 0) / counts.length);
  return `### ${set.name}

${images.length} images of ${counts[0]} to ${counts.at(-1)} parts, ${mean} in the mean. All parts once: ${megabytes(unionBytes(images))} MB; no layer shared: ${megabytes(allBytes(images))} MB.

${table(factors)}`;
}

/**
 * The table of the cost of updates. The client has all images, 5 % of the set's parts get a new version of the same
 * size, and it pulls all images again. Factors are multiples of the bytes of the updated parts.
 */
export function updateTable({ set, images }: SetFigures, { seed }: LayerBenchOptions): string {
  const random = new Random(seed).fork();
  const updated = new Set([...set.parts.keys()].filter(() => random.below(100) < UPDATED_PERCENT));
  const nextId = (id: string) => (updated.has(id) ? `${id}+1` : id);
  const update = (part: PlanPart): PlanPart => ({
    ...part,
    id: nextId(part.id),
    references: (part.references ?? []).map(nextId),
  });
  const nextImages = images.map((parts) => parts.map(update));
  const nextSet = { ...set, parts: new Map([...set.parts].map(([id, part]) => [nextId(id), update(part)])) };
  const nextPlans = new Map(measuredPlans(nextSet).map(({ name, grouping }) => [name, grouping]));
  const union = unionBytes(images.map((parts) => parts.filter(({ id }) => updated.has(id))));
  const factors = measuredPlans(set).map(({ name, grouping }): [string, readonly number[]] => [
    name,
    BUDGETS.map((budget) => {
      const kept = layersOf(images, grouping, budget);
      return transferredBytes(nextImages, nextPlans.get(name) ?? grouping, budget, kept) / union;
    }),
  ]);
  return `${updated.size} of ${set.parts.size} packages updated, ${megabytes(union)} MB of them in the images.

${table(new Map(factors))}`;
}

/** One line for each goal, with the measured value and whether the goal is met. */
export function goalLines(nix: SetFigures, debian: SetFigures): readonly string[] {
  const at94 = ({ factors }: SetFigures, plan: string) => factors.get(plan)?.[0] ?? Number.NaN;
  const verdict = (ratio: number, goal: number) => (ratio <= goal ? "met" : "MISSED");
  const line = (what: string, ratio: number, goal: number) =>
    `- ${what}: ${ratio.toFixed(2)}, at most ${goal.toFixed(2)}: ${verdict(ratio, goal)}`;
  const ours = at94(nix, PLAN_NAMES.size);
  return [
    line(`${nix.set.name}, over Nixery without popularity`, ours / at94(nix, PLAN_NAMES.nixery), 0.5),
    line(`${nix.set.name}, over Nixery with counts`, ours / at94(nix, PLAN_NAMES.counted), 0.5),
    line(
      `${debian.set.name}, over the plan by thresholds`,
      at94(debian, PLAN_NAMES.size) / at94(debian, PLAN_NAMES.thresholds),
      0.85,
    ),
  ];
}

function table(factors: ReadonlyMap<string, readonly number[]>): string {
  return [
    `| plan | ${BUDGETS.map((budget) => `budget ${budget}`).join(" | ")} |`,
    `| --- | ${BUDGETS.map(() => "---").join(" | ")} |`,
    ...[...factors].map(
      ([name, row]) => `| ${name} | ${row.map((factor) => factor.toFixed(2)).join(" | ")} |`,
    ),
  ].join("\n");
}

function megabytes(bytes: number): string {
  return Math.round(bytes / 1e6).toLocaleString("en");
}
