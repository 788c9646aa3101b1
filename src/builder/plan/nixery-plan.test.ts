import { describe, expect, it } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { idsOf } from "../../../test/support/plan-parts.ts";
import type { PlanPart } from "./layer-plan.ts";
import { nixeryGroups, nixeryPlan } from "./nixery-plan.ts";
import { NO_POPULARITY, type Popularity, parsePopularity } from "./popularity.ts";

/** A recorded case of the real Nixery: the input, and the layers that it made. */
interface Vector {
  readonly budget: number;
  readonly popularity: Readonly<Record<string, number>>;
  readonly runtimeGraph: {
    readonly exportReferencesGraph: { readonly graph: readonly string[] };
    readonly graph: readonly {
      readonly path: string;
      readonly narSize: number;
      readonly references: readonly string[];
    }[];
  };
  readonly layers: readonly {
    readonly key: string;
    readonly mergeRating: string;
    readonly contents: readonly string[];
  }[];
}

const FOLDER = join(import.meta.dir, "../../../test/vectors/layers");
const VECTORS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .toSorted();

function partsOf({ runtimeGraph }: Vector): readonly PlanPart[] {
  const requested = new Set(runtimeGraph.exportReferencesGraph.graph);
  return runtimeGraph.graph.map(({ path, narSize, references }) => ({
    id: path,
    bucket: path,
    sizeBytes: narSize,
    base: false,
    references,
    requested: requested.has(path),
  }));
}

function part(id: string, more: Partial<PlanPart> = {}): PlanPart {
  return { id, bucket: id, sizeBytes: 1, base: false, ...more };
}

/** The ids of each group, in an order that does not depend on the order of the groups. */
function groupsOf(parts: readonly PlanPart[], popularity: Popularity): readonly string[] {
  return idsOf(nixeryPlan(popularity).plan(parts, 94)).toSorted();
}

describe("the groups of Nixery", () => {
  it("are tested with all its answers", () => {
    expect(VECTORS).toHaveLength(27);
  });

  it.each(VECTORS)("are those of the real one: %s", async (name) => {
    const vector: Vector = await Bun.file(join(FOLDER, name)).json();
    const popularity = parsePopularity(JSON.stringify(vector.popularity));
    const groups = nixeryGroups(partsOf(vector), popularity, vector.budget);
    const layers = groups.map(({ parts, rating }) => {
      const contents = parts.map(({ id }) => id);
      const key = createHash("sha1").update(contents.join(":")).digest("hex");
      return { key, mergeRating: String(rating), contents };
    });
    expect<Vector["layers"]>(layers).toEqual(vector.layers);
  });

  it("are headed by what is requested, popular or big, and hold what only their head needs", () => {
    const parts = [
      part("app", { requested: true, references: ["lib", "tool", "self"] }),
      part("tool", { requested: true, references: ["lib"] }),
      part("lib", { references: ["deep"] }),
      part("deep", { references: ["lib"] }),
      part("self", { references: ["self", "absent"] }),
    ];
    const heads = (counts: object) => groupsOf(parts, parsePopularity(JSON.stringify(counts)));
    expect(heads({})).toEqual(["app self", "deep lib", "tool"]);
    expect(heads({ self: 99, deep: 99 })).toEqual(["app self", "deep lib", "tool"]);
    expect(heads({ self: 100 })).toEqual(["app", "deep lib", "self", "tool"]);
    const [app, ...others] = parts;
    const sized = (sizeBytes: number) =>
      [{ ...app, sizeBytes: 1 } as PlanPart, ...others].map((one) =>
        one.id === "self" ? { ...one, sizeBytes } : one,
      );
    expect(groupsOf(sized(100_000_000), NO_POPULARITY)).toEqual(["app self", "deep lib", "tool"]);
    expect(groupsOf(sized(100_000_001), NO_POPULARITY)).toEqual(["app", "deep lib", "self", "tool"]);
  });

  it("have ratings of 64 bits, which overflow as the real one's do", () => {
    const popularity = parsePopularity(JSON.stringify({ a: 2 ** 40 }));
    const [group] = nixeryGroups([part("a", { sizeBytes: 2 ** 24 + 1 })], popularity, 1);
    expect(group?.rating).toBe(2n ** 40n);
  });

  it("have the lowest id first among equal ratings", () => {
    const parts = ["c", "a", "b"].map((id) => part(id, { requested: true }));
    const groups = nixeryGroups(parts, NO_POPULARITY, 2);
    expect(groups.map((group) => group.parts.map(({ id }) => id))).toEqual([["a", "b"], ["c"]]);
  });

  it("give what nothing requested leads to a group of its own", () => {
    const parts = [
      part("a", { references: ["b"] }),
      part("b"),
      part("c", { requested: true, references: ["d"] }),
    ];
    expect(groupsOf([...parts, part("d")], NO_POPULARITY)).toEqual(["a", "b", "c d"]);
  });

  it("do not care how deep the references go", () => {
    const depth = 10_000;
    const parts = Array.from({ length: depth }, (_, index) =>
      part(`p${index}`, { requested: index === 0, references: [`p${index + 1}`, `p${index - 1}`] }),
    );
    const groups = nixeryPlan(NO_POPULARITY).plan(parts, 94);
    expect(groups.map((group) => group.length)).toEqual([depth]);
  });
});
