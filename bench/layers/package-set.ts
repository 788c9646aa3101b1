import type { PlanPart } from "../../src/builder/plan/layer-plan.ts";
import type { Random } from "../../test/support/random.ts";

/** Packages, and the programs that images of them are made for. */
export interface PackageSet {
  readonly name: string;
  readonly parts: ReadonlyMap<string, PlanPart>;
  /** Ids of the parts in every image. */
  readonly always: readonly string[];
  /** Ids of further parts in every second image: those of a shell. */
  readonly shell: readonly string[];
  /** The ids of all parts that each program needs, itself included. */
  readonly programs: ReadonlyMap<string, readonly string[]>;
}

const MOST_PROGRAMS = 5;

/** The parts of `count` images. Each has 1 to 5 random programs, which are marked as requested. */
export function randomImages(
  set: PackageSet,
  count: number,
  random: Random,
): readonly (readonly PlanPart[])[] {
  const names = [...set.programs.keys()];
  return Array.from({ length: count }, () => {
    const shell = random.oneIn(2) ? set.shell : [];
    const wanted = Array.from({ length: 1 + random.below(MOST_PROGRAMS) }, () => random.pick(names));
    return imageOf(set, wanted, shell);
  });
}

function imageOf(set: PackageSet, wanted: readonly string[], shell: readonly string[]): readonly PlanPart[] {
  const requested = new Set([...wanted, ...set.always, ...shell]);
  const ids = new Set([
    ...set.always,
    ...closureOf(set.parts, shell),
    ...wanted.flatMap((name) => set.programs.get(name) ?? []),
  ]);
  return [...ids].flatMap((id) => {
    const part = set.parts.get(id);
    return part === undefined ? [] : [{ ...part, requested: requested.has(id) }];
  });
}

/** The ids in `roots`, and those of all parts that they refer to, directly or not. */
export function closureOf(parts: ReadonlyMap<string, PlanPart>, roots: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const waiting = [...roots];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    waiting.push(...(parts.get(id)?.references ?? []));
  }
  return [...found];
}
