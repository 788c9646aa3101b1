import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { idsOf, planBudgets, planParts } from "../../../test/support/plan-parts.ts";
import type { PlanPart } from "./layer-plan.ts";
import { sizePlan } from "./size-plan.ts";

function part(id: string, sizeBytes: number, base = false): PlanPart {
  return { id, bucket: id.replace(/-.*/, ""), sizeBytes, base };
}

const groupsOf = (parts: readonly PlanPart[], budget: number) => idsOf(sizePlan.plan(parts, budget));

/** The groups of `after` that are not in `before`. */
function newGroups(
  before: readonly PlanPart[],
  after: readonly PlanPart[],
  budget: number,
): readonly string[] {
  const known = new Set(groupsOf(before, budget));
  return groupsOf(after, budget).filter((group) => !known.has(group));
}

const holds = (group: string, id: string) => group.split(" ").includes(id);

/** How many groups the parts of the newcomer's class can have, and whether each part has its own. */
function room(parts: readonly PlanPart[], newcomer: PlanPart, budget: number) {
  const base = parts.filter((one) => one.base);
  const baseBudget = Math.max(1, Math.floor(budget / 8));
  if (newcomer.base) return { taken: base.length, budget: baseBudget };
  const baseGroups = sizePlan.plan(base, budget).length;
  return { taken: parts.length - base.length, budget: budget - baseGroups };
}

const cases = fc.tuple(planParts, planBudgets).filter(([parts, budget]) => parts.length > 0 && budget > 1);

describe("the plan by size", () => {
  it("gives each part a layer of its own while they fit", () => {
    fc.assert(
      fc.property(planParts, (parts) => {
        const others = parts.map((one) => ({ ...one, base: false }));
        const groups = sizePlan.plan(others, Math.max(1, others.length));
        expect(groups.map((group) => group.length)).toEqual(others.map(() => 1));
      }),
    );
  });

  it("gives base parts the lowest layers, and the same ones in every image", () => {
    fc.assert(
      fc.property(cases, ([parts, budget]) => {
        const alone = groupsOf(
          parts.filter((one) => one.base),
          budget,
        );
        expect(groupsOf(parts, budget).slice(0, alone.length)).toEqual([...alone]);
        expect(alone.length).toBeLessThanOrEqual(Math.max(1, Math.floor(budget / 8)));
      }),
    );
  });

  it("leaves the largest alone when there are too many, and keeps at least three quarters of the budget for them", () => {
    fc.assert(
      fc.property(cases, ([parts, budget]) => {
        const others = parts.map((one) => ({ ...one, base: false }));
        const aloneCount =
          others.length <= budget ? others.length : budget - Math.max(1, Math.floor(budget / 4));
        const sizes = sizePlan
          .plan(others, budget)
          .slice(0, aloneCount)
          .map((group) => {
            expect(group).toHaveLength(1);
            return group[0]?.sizeBytes;
          });
        const largest = others.map(({ sizeBytes }) => sizeBytes).toSorted((left, right) => right - left);
        expect(sizes).toEqual(largest.slice(0, aloneCount));
      }),
    );
  });

  it("makes a new part change its own layer and at most one bucket besides, unless it is the first too many", () => {
    fc.assert(
      fc.property(cases, ([[newcomer, ...others], budget]) => {
        if (newcomer === undefined) return;
        const { taken, budget: classBudget } = room(others, newcomer, budget);
        fc.pre(taken !== classBudget);
        // A new base part can also take a layer from the other parts.
        const changed = newGroups(others, [newcomer, ...others], budget).filter(
          (group) => !newcomer.base || !others.some((one) => !one.base && holds(group, one.id)),
        );
        expect(changed.filter((group) => holds(group, newcomer.id))).toHaveLength(1);
        expect(changed.length).toBeLessThanOrEqual(taken < classBudget ? 1 : 2);
      }),
    );
  });

  it("makes the first part too many change no layer of a part that stays among the largest", () => {
    fc.assert(
      fc.property(planParts, fc.nat(), (parts, size) => {
        fc.pre(parts.length > 1);
        const others = parts.map((one) => ({ ...one, base: false }));
        const budget = others.length;
        const after = sizePlan.plan([...others, part("newcomer", size)], budget);
        const bucketCount = Math.max(1, Math.floor(budget / 4));
        const changed = after.filter(
          (group) => group.length > 1 || group.some(({ id }) => id === "newcomer"),
        );
        expect(changed.length).toBeLessThanOrEqual(bucketCount + 1);
        expect(after.slice(0, budget - bucketCount).every((group) => group.length === 1)).toBe(true);
      }),
    );
  });

  it("makes an update of the same size change one layer", () => {
    fc.assert(
      fc.property(cases, ([parts, budget]) => {
        const [old, ...others] = parts as [PlanPart, ...PlanPart[]];
        // Among equal parts of one name the id decides, so the part can be in another layer after the update.
        fc.pre(!others.some((one) => one.sizeBytes === old.sizeBytes && one.bucket === old.bucket));
        const updated = { ...old, id: `${old.bucket}-new` };
        const changed = newGroups(parts, [updated, ...others], budget);
        expect(changed).toHaveLength(1);
        expect(holds(changed[0] ?? "", updated.id)).toBe(true);
      }),
    );
  });

  it("makes an update of another size change three layers at most", () => {
    fc.assert(
      fc.property(cases, fc.nat(), ([parts, budget], sizeBytes) => {
        const [old, ...others] = parts as [PlanPart, ...PlanPart[]];
        const updated = { ...old, id: `${old.bucket}-new`, sizeBytes };
        expect(newGroups(parts, [updated, ...others], budget).length).toBeLessThanOrEqual(3);
      }),
    );
  });

  it("puts what does not fit into buckets by name", () => {
    const large = [part("a-1", 900), part("b-1", 800), part("c-1", 700)];
    const small = [part("d-1", 3), part("d-2", 2), part("e-1", 1)];
    expect(groupsOf([...small, ...large], 4)).toEqual(["a-1", "b-1", "c-1", "d-1 d-2 e-1"]);
    expect(groupsOf([...small, ...large], 6)).toEqual(["a-1", "b-1", "c-1", "d-1", "d-2", "e-1"]);
    expect(groupsOf([part("z-1", 5, true), ...large], 4)).toEqual(["z-1", "a-1", "b-1", "c-1"]);
    expect(groupsOf([...small, ...large], 1)).toEqual(["a-1 b-1 c-1 d-1 d-2 e-1"]);
  });
  it("ranks parts of one size by name, so that new ids change nobody's place", () => {
    const parts = ["a", "b", "c", "d", "e"].map((bucket, index) => ({
      ...part(bucket, 1),
      id: `${9 - index}`,
    }));
    expect(groupsOf(parts, 4)).toEqual(["9", "8", "7", "5 6"]);
  });
});
