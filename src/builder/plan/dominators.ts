import { finishingOrder, type Graph, reversed } from "./graph.ts";

/** Stands for the missing dominator of a node that the root does not reach. */
export const UNREACHABLE = -1;

/**
 * The immediate dominator of each node for walks from `root`; {@link UNREACHABLE} for a node that no walk reaches. The
 * root's dominator is the root itself.
 *
 * Starts with the first walk found to each node. Then moves each node's dominator up to where the walks through all its
 * predecessors join, until nothing moves.
 */
export function immediateDominators(graph: Graph, root: number): readonly number[] {
  const order = finishingOrder(graph, root);
  // From the root down, so that a graph without cycles needs one round.
  const downwards = order.toReversed().slice(1);
  const rank = new Array<number>(graph.length).fill(UNREACHABLE);
  for (const [index, node] of order.entries()) rank[node] = index;
  const predecessors = reversed(graph);
  const dominators = new Array<number>(graph.length).fill(UNREACHABLE);
  dominators[root] = root;
  let moved = true;
  while (moved) {
    moved = false;
    for (const node of downwards) {
      const found = joinOf(predecessors[node] ?? [], dominators, rank);
      if (found === dominators[node]) continue;
      dominators[node] = found;
      moved = true;
    }
  }
  return dominators;
}

/** Where the dominators of `nodes` join. Ignores nodes that have none yet. */
function joinOf(nodes: readonly number[], dominators: readonly number[], rank: readonly number[]): number {
  let joined = UNREACHABLE;
  for (const node of nodes) {
    if (dominators[node] === UNREACHABLE) continue;
    let other = node;
    while (joined !== UNREACHABLE && joined !== other) {
      // A dominator finishes later than the nodes that it dominates.
      if ((rank[joined] ?? 0) < (rank[other] ?? 0)) joined = dominators[joined] ?? UNREACHABLE;
      else other = dominators[other] ?? UNREACHABLE;
    }
    joined = other;
  }
  return joined;
}
