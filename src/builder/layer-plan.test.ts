import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type LayerPart, planLayers } from "./layer-plan.ts";

const SMALL = 100_000;

const asPart = <Item extends { readonly name: string; readonly sizeBytes: number; readonly base: boolean }>(
  item: Item,
) => ({
  ...item,
  id: item.name,
  bucket: item.name,
});

const part = fc
  .record({
    name: fc.stringMatching(/^[a-z]{1,6}[0-9]{0,3}$/),
    sizeBytes: fc.oneof(fc.nat(SMALL), fc.nat(1 << 24), fc.nat(1 << 30)),
    base: fc.boolean(),
  })
  .map(asPart);
const parts = fc.uniqueArray(part, { selector: (one) => one.name, maxLength: 150 });
const budgets = fc.integer({ min: 1, max: 119 });

function namesOf(groups: readonly (readonly LayerPart[])[]): readonly string[] {
  return groups.map((group) => group.map((one) => one.id).join(" "));
}

describe("the layer plan", () => {
  it("holds every part once, in no more layers than the budget allows, none of them empty", () => {
    fc.assert(
      fc.property(parts, budgets, (all, budget) => {
        const groups = planLayers(all, budget);
        expect(groups.length).toBeLessThanOrEqual(budget);
        expect(groups.every((group) => group.length > 0)).toBe(true);
        expect(
          groups
            .flat()
            .map((one) => one.name)
            .toSorted(),
        ).toEqual(all.map((one) => one.name).toSorted());
      }),
    );
  });

  it("does not depend on the order of the parts", () => {
    fc.assert(
      fc.property(
        parts.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        budgets,
        ([all, shuffled], budget) => {
          expect(namesOf(planLayers(shuffled, budget))).toEqual(namesOf(planLayers(all, budget)));
        },
      ),
    );
  });

  it("gives base parts the same layers whatever else is in the image", () => {
    fc.assert(
      fc.property(
        parts,
        budgets.filter((budget) => budget > 1),
        (all, budget) => {
          const base = all.filter((one) => one.base);
          const alone = namesOf(planLayers(base, budget));
          expect(namesOf(planLayers(all, budget)).slice(0, alone.length)).toEqual([...alone]);
        },
      ),
    );
  });

  it("changes one layer when a small part comes", () => {
    const small = fc.uniqueArray(
      part.map((one) => ({ ...one, sizeBytes: one.sizeBytes % SMALL })),
      {
        selector: (one) => one.name,
        minLength: 1,
        maxLength: 100,
      },
    );
    fc.assert(
      fc.property(
        small,
        budgets.filter((budget) => budget > 1),
        ([newcomer, ...others], budget) => {
          if (newcomer === undefined) return;
          const before = new Set(namesOf(planLayers(others, budget)));
          const changed = namesOf(planLayers([newcomer, ...others], budget)).filter(
            (group) => !before.has(group),
          );
          expect(changed).toHaveLength(1);
        },
      ),
    );
  });

  it("lets a large part stand alone while the budget lasts", () => {
    const parts = [
      { name: "large", sizeBytes: 5 << 20, base: false },
      { name: "small", sizeBytes: 5 << 10, base: false },
    ].map(asPart);
    expect(namesOf(planLayers(parts, 93))).toEqual(["large", "small"]);
    expect(namesOf(planLayers(parts, 1))).toEqual(["large small"]);
  });
});
