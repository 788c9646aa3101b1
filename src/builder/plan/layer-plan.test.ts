import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { idsOf, planBudgets, planParts } from "../../../test/support/plan-parts.ts";
import type { LayerPlan } from "./layer-plan.ts";
import { nixeryPlan } from "./nixery-plan.ts";
import { countReferences, NO_POPULARITY } from "./popularity.ts";
import { sizePlan } from "./size-plan.ts";

const SOME_POPULARITY = countReferences([
  { id: "a-1", bucket: "a", sizeBytes: 1, base: false, references: ["b-1"] },
  { id: "b-1", bucket: "b", sizeBytes: 1, base: false, references: ["a-1"] },
]);

const PLANS: readonly (readonly [string, LayerPlan])[] = [
  ["by size", sizePlan],
  ["of Nixery", nixeryPlan(NO_POPULARITY)],
  ["of Nixery with popularity", nixeryPlan(SOME_POPULARITY)],
];

describe.each(PLANS)("the plan %s", (_, plan) => {
  it("has each part in one group, no more groups than the budget, and none of them empty", () => {
    fc.assert(
      fc.property(planParts, planBudgets, (parts, budget) => {
        const groups = plan.plan(parts, budget);
        expect(groups.length).toBeLessThanOrEqual(budget);
        expect(groups.every((group) => group.length > 0)).toBe(true);
        const ids = groups.flat().map(({ id }) => id);
        expect(ids.toSorted()).toEqual(parts.map(({ id }) => id).toSorted());
      }),
    );
  });

  it("returns the parts that it was given", () => {
    fc.assert(
      fc.property(planParts, planBudgets, (parts, budget) => {
        const given = new Set(parts);
        expect(
          plan
            .plan(parts, budget)
            .flat()
            .every((part) => given.has(part)),
        ).toBe(true);
      }),
    );
  });

  it("does not depend on the order of the parts", () => {
    const shuffled = planParts.chain((parts) =>
      fc.tuple(fc.constant(parts), fc.shuffledSubarray([...parts], { minLength: parts.length })),
    );
    fc.assert(
      fc.property(shuffled, planBudgets, ([parts, others], budget) => {
        expect(idsOf(plan.plan(others, budget))).toEqual(idsOf(plan.plan(parts, budget)));
      }),
    );
  });

  it("has the parts of a group in ascending order, so that equal groups give equal layers", () => {
    fc.assert(
      fc.property(planParts, planBudgets, (parts, budget) => {
        for (const group of plan.plan(parts, budget)) {
          const ids = group.map(({ id }) => id);
          expect(ids).toEqual(ids.toSorted());
        }
      }),
    );
  });

  it("has one group of everything for a budget of one, and none of nothing", () => {
    fc.assert(
      fc.property(planParts, (parts) => {
        expect(plan.plan(parts, 1)).toHaveLength(parts.length === 0 ? 0 : 1);
      }),
    );
  });
});

describe("the digest of popularity data", () => {
  it("is there when such data decides", () => {
    expect(nixeryPlan(SOME_POPULARITY).popularityDigest).toBe(SOME_POPULARITY.digest);
    expect(nixeryPlan(NO_POPULARITY).popularityDigest).toBeUndefined();
    expect(sizePlan.popularityDigest).toBeUndefined();
  });
});
