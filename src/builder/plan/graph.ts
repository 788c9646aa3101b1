/**
 * A directed graph: the successors of each node, as indexes. A graph can have any depth, so functions on it must not
 * recurse.
 */
export type Graph = readonly (readonly number[])[];

/** The nodes that `root` reaches, in the order in which a depth-first search finishes them; the root is last. */
export function finishingOrder(graph: Graph, root: number): readonly number[] {
  const order: number[] = [];
  const met = new Set([root]);
  const walk = [{ node: root, next: 0 }];
  for (let step = walk.at(-1); step !== undefined; step = walk.at(-1)) {
    const successor = graph[step.node]?.[step.next++];
    if (successor === undefined) {
      order.push(step.node);
      walk.pop();
    } else if (!met.has(successor)) {
      met.add(successor);
      walk.push({ node: successor, next: 0 });
    }
  }
  return order;
}

/** For each node, its predecessors. */
export function reversed(graph: Graph): Graph {
  const predecessors: number[][] = graph.map(() => []);
  for (const [node, successors] of graph.entries()) {
    for (const successor of successors) predecessors[successor]?.push(node);
  }
  return predecessors;
}

/**
 * For each node, the sum of `weights` of the node itself and all nodes that it reaches, each counted once.
 *
 * Uses one bit of memory for each pair of nodes.
 */
export function reachableWeights(graph: Graph, weights: readonly number[]): readonly number[] {
  const sums = new Array<number>(graph.length).fill(0);
  const sets = new Array<Uint32Array | undefined>(graph.length);
  for (const cycle of cycles(graph).toReversed()) {
    const set = new Uint32Array(Math.ceil(graph.length / 32));
    for (const node of cycle) {
      set[node >>> 5] = (set[node >>> 5] ?? 0) | (1 << (node & 31));
      for (const successor of graph[node] ?? []) addAll(set, sets[successor]);
    }
    const sum = sumOf(set, weights);
    for (const node of cycle) [sets[node], sums[node]] = [set, sum];
  }
  return sums;
}

/** Groups of nodes that reach each other; most have one node. A group comes before the groups that it reaches. */
function cycles(graph: Graph): readonly (readonly number[])[] {
  const root = graph.length;
  const order = finishingOrder([...graph, [...graph.keys()]], root)
    .toReversed()
    .slice(1);
  const predecessors = reversed(graph);
  const taken = new Set<number>();
  return order.flatMap((first) => {
    if (taken.has(first)) return [];
    taken.add(first);
    const cycle = [first];
    for (const node of cycle) {
      for (const predecessor of predecessors[node] ?? []) {
        if (taken.has(predecessor)) continue;
        taken.add(predecessor);
        cycle.push(predecessor);
      }
    }
    return [cycle];
  });
}

function addAll(set: Uint32Array, more: Uint32Array | undefined): void {
  if (more === undefined) return;
  // An iterator would take several times as long, and this is most of the work.
  for (let index = 0; index < more.length; index++) set[index] = (set[index] ?? 0) | (more[index] ?? 0);
}

function sumOf(set: Uint32Array, weights: readonly number[]): number {
  let sum = 0;
  for (const [index, word] of set.entries()) {
    for (let bits = word; bits !== 0; bits &= bits - 1) sum += weights[index * 32 + lowestBit(bits)] ?? 0;
  }
  return sum;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
