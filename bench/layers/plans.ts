import { nixeryPlan } from "../../src/builder/plan/nixery-plan.ts";
import { countReferences, NO_POPULARITY } from "../../src/builder/plan/popularity.ts";
import { sizePlan } from "../../src/builder/plan/size-plan.ts";
import type { PackageSet } from "./package-set.ts";
import { planByThresholds } from "./threshold-plan.ts";
import type { Grouping } from "./transfers.ts";

/** A plan that is measured, and its name in the report. */
export interface MeasuredPlan {
  readonly name: string;
  readonly grouping: Grouping;
}

/** Names of the plans that the goals compare. */
export const PLAN_NAMES = {
  thresholds: "by thresholds (0.1)",
  size: "by size",
  nixery: "Nixery's, no popularity",
  counted: "Nixery's, counts of the set",
} as const;

/** The plans to measure for images of `set`. */
export function measuredPlans(set: PackageSet): readonly MeasuredPlan[] {
  const [plain, counted] = [nixeryPlan(NO_POPULARITY), nixeryPlan(countReferences(set.parts.values()))];
  return [
    {
      name: PLAN_NAMES.thresholds,
      grouping: (parts, budget) => planByThresholds(parts, budget),
    },
    { name: PLAN_NAMES.size, grouping: (parts, budget) => sizePlan.plan(parts, budget) },
    {
      name: "by size, base parts as any others",
      grouping: (parts, budget) =>
        sizePlan.plan(
          parts.map((part) => ({ ...part, base: false })),
          budget,
        ),
    },
    { name: PLAN_NAMES.nixery, grouping: (parts, budget) => plain.plan(parts, budget) },
    { name: PLAN_NAMES.counted, grouping: (parts, budget) => counted.plan(parts, budget) },
  ];
}
