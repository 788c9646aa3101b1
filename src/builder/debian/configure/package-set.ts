import type { Alternatives, DpkgPackage } from "./dpkg-package.ts";

/** Orders packages by the code units of their names. */
export function byName(left: Pick<DpkgPackage, "name">, right: Pick<DpkgPackage, "name">): number {
  if (left.name === right.name) return 0;
  return left.name < right.name ? -1 : 1;
}

/** Packages of one image, and which of them others depend on. */
export class PackageSet {
  /** All packages, by name. */
  readonly sorted: readonly DpkgPackage[];
  readonly #byName = new Map<string, DpkgPackage>();
  /** The first package by name that provides a name. */
  readonly #providers = new Map<string, string>();

  /** @throws {Error} if two packages have the same name */
  constructor(packages: readonly DpkgPackage[]) {
    this.sorted = packages.toSorted(byName);
    for (const one of this.sorted) {
      if (this.#byName.has(one.name)) throw new Error(`the package ${one.name} occurs twice in an image`);
      this.#byName.set(one.name, one);
      for (const name of one.provides) {
        if (!this.#providers.has(name)) this.#providers.set(name, one.name);
      }
    }
  }

  /** The package of this name; `undefined` if there is none. */
  get(name: string): DpkgPackage | undefined {
    return this.#byName.get(name);
  }

  /**
   * The packages that satisfy relations.
   *
   * All present alternatives count, because conditions on versions are not known here: one of them satisfies dpkg. If
   * none is present, the first package by name that provides one counts.
   */
  namesFor(relations: readonly Alternatives[]): readonly string[] {
    return relations.flatMap((alternatives) => {
      const present = alternatives.filter((name) => this.#byName.has(name));
      if (present.length > 0) return present;
      const providers = alternatives.flatMap((name) => this.#providers.get(name) ?? []);
      return providers.toSorted().slice(0, 1);
    });
  }

  /** These packages and all they depend on, directly or not, without those in `left` and what only these need. */
  closure(names: readonly string[], left: ReadonlySet<string>): readonly DpkgPackage[] {
    const found = new Set<DpkgPackage>();
    const open = [...names];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const one = this.#byName.get(name);
      if (one === undefined || left.has(name) || found.has(one)) continue;
      found.add(one);
      open.push(...this.namesFor(one.preDepends), ...this.namesFor(one.depends));
    }
    return [...found];
  }
}
