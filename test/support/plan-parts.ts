import fc from "fast-check";
import type { PlanPart } from "../../src/builder/plan/layer-plan.ts";

const MANY_BYTES = 1 << 30;

/** Random parts of an image, with random references among them; few names and sizes, so that some are equal. */
export const planParts: fc.Arbitrary<readonly PlanPart[]> = fc
  .uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[a-f]{1,2}-[0-9]{1,2}$/),
      sizeBytes: fc.oneof(fc.nat(9), fc.nat(1 << 20), fc.nat(MANY_BYTES)),
      base: fc.boolean(),
      requested: fc.boolean(),
      targets: fc.array(fc.nat(), { maxLength: 5 }),
    }),
    { selector: ({ id }) => id, maxLength: 120, size: "large" },
  )
  .map((drawn) =>
    drawn.map(({ targets, ...part }) => ({
      ...part,
      bucket: part.id.replace(/-.*/, ""),
      references: targets.flatMap((target) => drawn[target % drawn.length]?.id ?? []),
    })),
  );

/** Budgets that are small or large for {@link planParts}. */
export const planBudgets: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 1, max: 119 }),
);

/** The ids in each group, as one text per group. */
export function idsOf(groups: readonly (readonly PlanPart[])[]): readonly string[] {
  return groups.map((group) => group.map(({ id }) => id).join(" "));
}
