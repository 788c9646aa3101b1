import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { immediateDominators, UNREACHABLE } from "./dominators.ts";
import { finishingOrder, type Graph, reachableWeights } from "./graph.ts";

const graphs: fc.Arbitrary<Graph> = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 25 })
  .map((drawn) => drawn.map((targets) => targets.map((target) => target % drawn.length)));

/** The nodes that `root` reaches when the node `without` is removed. */
function reached(graph: Graph, root: number, without = UNREACHABLE): ReadonlySet<number> {
  return new Set(
    root === without
      ? []
      : finishingOrder(
          graph.map((targets) => targets.filter((target) => target !== without)),
          root,
        ),
  );
}

describe("dominators", () => {
  it("are the nodes without which another cannot be reached, and each node has the closest", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const found = immediateDominators(graph, 0);
        const all = reached(graph, 0);
        const isDominated = (node: number, by: number) => all.has(node) && !reached(graph, 0, by).has(node);
        for (const node of graph.keys()) {
          if (!all.has(node)) expect(found[node]).toBe(UNREACHABLE);
          else if (node === 0) expect(found[node]).toBe(0);
          else {
            const dominators = [...graph.keys()].filter((by) => by !== node && isDominated(node, by));
            const closest = dominators.filter((one) =>
              dominators.every((by) => by === one || isDominated(one, by)),
            );
            expect([found[node] as number]).toEqual(closest);
          }
        }
      }),
    );
  });

  it("are found in a graph of any depth", () => {
    const depth = 200_000;
    const chain = Array.from({ length: depth }, (_, node) => (node + 1 < depth ? [node + 1] : []));
    expect(immediateDominators(chain, 0).at(-1)).toBe(depth - 2);
  });
});

describe("weights", () => {
  it("are summed over all that a node reaches, each once", () => {
    fc.assert(
      fc.property(graphs, fc.array(fc.nat(), { minLength: 25, maxLength: 25 }), (graph, weights) => {
        const sums = [...graph.keys()].map((node) =>
          [...reached(graph, node)].reduce((sum, one) => sum + (weights[one] ?? 0), 0),
        );
        expect(reachableWeights(graph, weights)).toEqual(sums);
      }),
    );
  });

  it("are summed over more nodes than a word has bits", () => {
    const ring = Array.from({ length: 100 }, (_, node) => [(node + 1) % 100]);
    expect(
      reachableWeights(
        ring,
        ring.map((_, node) => node),
      ),
    ).toEqual(ring.map(() => 4950));
  });
});
