import { expect, it } from "bun:test";
import { join } from "node:path";
import { HAS_NIX } from "../../../../test/support/nix.ts";
import { openNixCatalog } from "../../../../test/support/nix-catalog.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import type { IndexedPackage } from "../../../metadata/ports/package-index-ledger.ts";
import { Evaluation } from "../evaluation/evaluation.ts";
import type { NixCatalog } from "./nix-catalog.ts";

/** A safety net. */
const LONG_MS = 300_000;
const SIGNAL = new AbortController().signal;

async function packagesOf(catalog: NixCatalog, signal = SIGNAL): Promise<readonly IndexedPackage[]> {
  const { packages } = await catalog.current(signal);
  return (await Array.fromAsync(packages(signal))).flat();
}

describeWith("Nix's catalog", HAS_NIX, "no Nix", () => {
  it(
    "loses only the attributes that cannot be evaluated, and names packages as images do",
    async () => {
      await using opened = await openNixCatalog();
      const packages = await packagesOf(opened.catalog);
      const names = packages.map(({ name }) => name).toSorted();
      const nestedInItself = Array.from({ length: 3 }, (_, depth) => `itself.${"again.".repeat(depth)}one`);
      expect(names).toEqual(
        [
          ...["0digit", "alpha", "brokenfacts", "brokenmeta", "dotted2.5", "folded", "full", "mixedcase"],
          ...["nested.deeper.innermost", "nested.inner", "omega", "plus_plus", "sameprogram"],
          ...nestedInItself,
        ].toSorted(),
      );
      const lost = [
        "aborts",
        "endless",
        "infinite",
        "missing",
        "nested.broken",
        "typeError",
        "typeErrorInside",
      ];
      expect(opened.lost().toSorted()).toEqual(lost);
      const found = new Map(packages.map((one) => [one.name, one]));
      expect(found.get("folded")?.description).toBe("folded-exact, first edition");
      expect(found.get("full")).toEqual({
        name: "full",
        version: "2.1",
        description: "Everything\n  that can be said",
        homepage: "https://example.org/full",
        license: "MIT, gpl3, Own terms, BSD",
        mainProgram: "everything",
      });
      expect(found.get("brokenfacts")).toEqual({ name: "brokenfacts", version: "3", description: "" });
      expect(found.get("brokenmeta")).toEqual({ name: "brokenmeta", version: "4", description: "" });
      expect(found.get("sameprogram")).not.toHaveProperty("mainProgram");
    },
    LONG_MS,
  );

  it(
    "names packages so that an image's name finds them",
    async () => {
      await using opened = await openNixCatalog();
      const names = (await packagesOf(opened.catalog)).map(({ name }) => name);
      const evaluation = new Evaluation(opened.store, LONG_MS);
      const source = await opened.store.addSource(opened.folder, SIGNAL);
      const request = { source, system: "x86_64-linux", arguments: {}, names };
      const found = await evaluation.evaluate(request, SIGNAL);
      const attributes = new Map(found.map(({ name, attribute }) => [name, attribute]));
      for (const [name, attribute] of [
        ["0digit", "_0digit"],
        ["dotted2.5", "dotted2.5"],
        ["folded", "folded"],
        ["mixedcase", "MixedCase"],
        ["nested.inner", "nested.Inner"],
        ["plus_plus", "plus+"],
      ] as const) {
        expect(attributes.get(name)).toBe(attribute);
      }
      expect(attributes.size).toBe(names.length);
    },
    LONG_MS,
  );

  it(
    "lists a set of several ranges in batches, one evaluation at a time",
    async () => {
      await using opened = await openNixCatalog({ arguments: { many: 4_500 } });
      const { packages } = await opened.catalog.current(SIGNAL);
      const batches = await Array.fromAsync(packages(SIGNAL));
      expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(2_000);
      const many = batches.flat().filter(({ name }) => name.startsWith("many"));
      expect(new Set(many.map(({ name, version }) => `${name} ${version}`)).size).toBe(4_500);
      expect(many).toContainEqual({ name: "many4499", version: "0.4499", description: "one of many" });
      expect(opened.mostAtOnce()).toBe(1);
    },
    LONG_MS,
  );

  it(
    "has another state for other files, arguments and systems, and none else",
    async () => {
      await using one = await openNixCatalog();
      await using same = await openNixCatalog();
      const { state } = await one.catalog.current(SIGNAL);
      expect((await same.catalog.current(SIGNAL)).state).toBe(state);
      for (const change of [{ arguments: { edition: "second" } }, { system: "aarch64-linux" }]) {
        await using other = await openNixCatalog(change);
        expect((await other.catalog.current(SIGNAL)).state).not.toBe(state);
      }
      await Bun.write(join(one.folder, "more.nix"), "{ }");
      expect((await one.catalog.current(SIGNAL)).state).not.toBe(state);
    },
    LONG_MS,
  );

  it(
    "says why a set cannot be listed at all, and stops for the reason of a signal",
    async () => {
      await using opened = await openNixCatalog();
      const stop = new AbortController();
      const { packages } = await opened.catalog.current(SIGNAL);
      const reading = packages(stop.signal)[Symbol.asyncIterator]();
      const reason = new Error("nobody waits");
      stop.abort(reason);
      await expect(reading.next()).rejects.toBe(reason);
      await Bun.write(join(opened.folder, "default.nix"), "{ ... }: throw ''not a set''");
      await expect(packagesOf(opened.catalog)).rejects.toThrow("not a set");
    },
    LONG_MS,
  );
});
