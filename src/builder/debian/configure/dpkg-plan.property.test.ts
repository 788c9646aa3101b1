import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { dpkgPackage } from "../../../../test/support/dpkg-package.ts";
import type { DpkgPackage } from "./dpkg-package.ts";
import { formatPlan, type PlanStep, planAddition, planBase } from "./dpkg-plan.ts";

const NAMES = ["base-passwd", ..."abcdefghij".split("").map((letter) => `${letter}${letter}`)];
const names = fc.subarray(NAMES, { maxLength: 3 });

/** Packages of which each may depend on any, so that there are cycles of all kinds. */
const anyPackages = packagesWith(() => names);
/** Packages that depend only on later ones. */
const orderedPackages = packagesWith((index) => laterNames(index));

function laterNames(index: number) {
  const later = NAMES.slice(index + 1);
  return fc.subarray(later, { maxLength: Math.min(3, later.length) });
}

function packagesWith(neededBy: (index: number) => fc.Arbitrary<string[]>) {
  return fc
    .tuple(
      ...NAMES.map((name, index) =>
        fc
          .record({
            preinst: fc.boolean(),
            essential: fc.boolean(),
            preDepends: neededBy(index),
            depends: neededBy(index),
          })
          .map(({ preinst, essential, preDepends, depends }) =>
            dpkgPackage(name, {
              preinst,
              fields: {
                ...(essential ? { Essential: "yes" } : {}),
                ...(preDepends.length > 0 ? { "Pre-Depends": preDepends.join(", ") } : {}),
                ...(depends.length > 0 ? { Depends: depends.join(" | ") } : {}),
              },
            }),
          ),
      ),
    )
    .chain((all) => fc.shuffledSubarray(all));
}

function preinstNames(steps: readonly PlanStep[]): readonly string[] {
  return steps.flatMap((step) => (step.kind === "preinst" ? [step.name] : []));
}

function configuredNames(steps: readonly PlanStep[]): readonly string[] {
  return steps.flatMap((step) => (step.kind === "configure" ? step.names : []));
}

function sorted(all: readonly string[]): readonly string[] {
  return all.toSorted();
}

function withPreinst(packages: readonly DpkgPackage[]): readonly string[] {
  return sorted(packages.filter(({ hasPreinst }) => hasPreinst).map(({ name }) => name));
}

describe("a plan", () => {
  it("is the same for packages in any order", () => {
    const shuffled = anyPackages.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, ([left, right]) => {
        expect(formatPlan(planBase(left))).toBe(formatPlan(planBase(right)));
      }),
    );
  });

  it("ends, runs each preinst once, and configures no package twice, whatever depends on what", () => {
    fc.assert(
      fc.property(anyPackages, (packages) => {
        const steps = planBase(packages);
        expect(sorted(preinstNames(steps))).toEqual(withPreinst(packages));
        const configured = configuredNames(steps);
        expect(new Set(configured).size).toBe(configured.length);
        for (const { name } of packages.filter(({ essential }) => essential))
          expect(configured).toContain(name);
      }),
    );
  });

  it("runs a preinst before its package is configured, even in a cycle", () => {
    fc.assert(
      fc.property(anyPackages, (packages) => {
        const prepared = new Set(packages.filter((one) => !one.hasPreinst).map(({ name }) => name));
        for (const step of planBase(packages)) {
          if (step.kind === "preinst") prepared.add(step.name);
          if (step.kind === "configure") for (const name of step.names) expect(prepared).toContain(name);
        }
      }),
    );
  });

  it("configures what a package needs first, where nothing depends on itself", () => {
    fc.assert(
      fc.property(orderedPackages, (packages) => {
        const present = new Map(packages.map((one) => [one.name, one]));
        const configured = new Set<string>();
        for (const step of planBase(packages)) {
          if (step.kind === "configure") for (const name of step.names) configured.add(name);
          if (step.kind !== "preinst") continue;
          for (const [needed = ""] of present.get(step.name)?.preDepends ?? []) {
            if (present.has(needed)) expect(configured).toContain(needed);
          }
        }
      }),
    );
  });

  it("touches only what is added", () => {
    fc.assert(
      fc.property(anyPackages, fc.nat(NAMES.length), (packages, count) => {
        const base = packages.slice(0, count);
        const added = packages.slice(count);
        const steps = planAddition(base, added, []);
        expect(sorted(preinstNames(steps))).toEqual(withPreinst(added));
        const baseNames = new Set(base.map(({ name }) => name));
        expect(configuredNames(steps).filter((name) => baseNames.has(name))).toEqual([]);
      }),
    );
  });

  it("is made of long chains, too", () => {
    const name = (index: number): string => `p${String(index).padStart(4, "0")}`;
    const chain = Array.from({ length: 500 }, (_, index) =>
      dpkgPackage(name(index), { preinst: true, fields: { "Pre-Depends": name(index + 1) } }),
    );
    expect(preinstNames(planBase(chain))).toEqual(chain.map((one) => one.name).toReversed());
  });
});
