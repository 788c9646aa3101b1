import { mergedPath } from "../tree-path.ts";
import type { DpkgPackage } from "./dpkg-package.ts";
import { parseTriggerInterests } from "./dpkg-triggers.ts";
import { byName, PackageSet } from "./package-set.ts";

/** One step before dpkg configures everything that is left. */
export type PlanStep =
  | {
      readonly kind: "preinst";
      readonly name: string;
      readonly recordName: string;
      readonly architecture: string;
    }
  /** Puts its files in place that other packages have too. */
  | { readonly kind: "place"; readonly name: string }
  /** dpkg orders these among themselves. */
  | { readonly kind: "configure"; readonly names: readonly string[] }
  /** `path` has a leading slash. */
  | { readonly kind: "trigger"; readonly path: string };

/** Other packages' scripts use the accounts that its script makes. */
const FIRST = "base-passwd";

/**
 * The steps for packages in an empty tree: all preinst scripts, then the essential packages with all they depend on.
 *
 * A preinst comes after the packages in its `Pre-Depends` are configured, unless these depend on its own package.
 * Does not depend on the order of `packages`.
 *
 * @throws {Error} if two packages have the same name
 */
export function planBase(packages: readonly DpkgPackage[]): readonly PlanStep[] {
  const planner = new Planner(new PackageSet(packages), new Set());
  planner.prepareAll();
  planner.configure(packages.filter(({ essential }) => essential).map(({ name }) => name));
  return planner.steps;
}

/**
 * The steps for packages that are added to a configured base: their preinst scripts, and the file triggers of the base
 * that the new packages' files set off.
 *
 * `addedPaths` are the paths of the new packages' files, with or without a leading slash, in the packages or in the image:
 * both are compared in the merged `/usr`.
 *
 * @throws {Error} if two packages have the same name
 */
export function planAddition(
  base: readonly DpkgPackage[],
  added: readonly DpkgPackage[],
  addedPaths: Iterable<string>,
): readonly PlanStep[] {
  const configured = new Set(base.map(({ name }) => name));
  const planner = new Planner(new PackageSet([...base, ...added]), configured);
  planner.prepareAll();
  const paths = activatedPaths(base, addedPaths);
  return [...planner.steps, ...paths.map((path): PlanStep => ({ kind: "trigger", path }))];
}

/**
 * The plan as lines: `preinst NAME RECORD ARCHITECTURE`, `place NAME`, `configure NAME…` or `trigger PATH`.
 *
 * No word is empty or has a space in it, because the parsers of packages and triggers refuse such text.
 */
export function formatPlan(steps: readonly PlanStep[]): string {
  return steps.map((step) => `${words(step).join(" ")}\n`).join("");
}

function words(step: PlanStep): readonly string[] {
  switch (step.kind) {
    case "preinst":
      return [step.kind, step.name, step.recordName, step.architecture];
    case "place":
      return [step.kind, step.name];
    case "configure":
      return [step.kind, ...step.names];
    case "trigger":
      return [step.kind, step.path];
  }
}

function activatedPaths(base: readonly DpkgPackage[], addedPaths: Iterable<string>): readonly string[] {
  const awaited = Map.groupBy(
    base
      .flatMap(({ triggers = "" }) => parseTriggerInterests(triggers))
      .map(({ trigger }) => trigger)
      .filter((trigger) => trigger.startsWith("/")),
    (trigger) => mergedPath(trigger.slice(1)),
  );
  const found = new Set<string>();
  for (const path of addedPaths) {
    if (awaited.size === 0) break;
    // The path and each folder above it, as dpkg does while it unpacks.
    let place = mergedPath(path.replace(/^\//, ""));
    for (;;) {
      for (const trigger of awaited.get(place) ?? []) found.add(trigger);
      awaited.delete(place);
      const slash = place.lastIndexOf("/");
      if (slash < 0) break;
      place = place.slice(0, slash);
    }
  }
  return [...found].toSorted();
}

class Planner {
  readonly steps: PlanStep[] = [];
  readonly #packages: PackageSet;
  readonly #configured: Set<string>;
  /** Packages whose preinst has run, or waits for packages that are being prepared. */
  readonly #begun = new Set<string>();
  readonly #waiting = new Set<string>();

  constructor(packages: PackageSet, configured: ReadonlySet<string>) {
    this.#packages = packages;
    this.#configured = new Set(configured);
  }

  prepareAll(): void {
    const first = this.#packages.get(FIRST);
    for (const one of [...(first === undefined ? [] : [first]), ...this.#packages.sorted]) this.#prepare(one);
  }

  /** Configures these packages and all that they depend on, unless a preinst is still to come. */
  configure(names: readonly string[]): void {
    const open = this.#open(names).filter((one) => !this.#waiting.has(one.name));
    if (open.length === 0) return;
    this.steps.push({ kind: "configure", names: open.map(({ name }) => name) });
    for (const { name } of open) this.#configured.add(name);
  }

  /** Runs the preinst of a package after its `Pre-Depends` are configured. */
  #prepare(one: DpkgPackage): void {
    if (!one.hasPreinst || this.#begun.has(one.name) || this.#configured.has(one.name)) return;
    this.#begun.add(one.name);
    const needed = this.#packages.namesFor(one.preDepends);
    if (needed.length > 0) {
      this.#waiting.add(one.name);
      for (const other of this.#open(needed)) this.#prepare(other);
      this.configure(needed);
      this.#waiting.delete(one.name);
    }
    const { name, recordName, architecture } = one;
    this.steps.push({ kind: "preinst", name, recordName, architecture });
  }

  #open(names: readonly string[]): readonly DpkgPackage[] {
    return this.#packages.closure(names, this.#configured).toSorted(byName);
  }
}
