import { immediateDominators } from "./dominators.ts";
import { finishingOrder, type Graph, reachableWeights } from "./graph.ts";
import type { LayerPlan, PartGroups, PlanPart } from "./layer-plan.ts";
import { type Popularity, popularityName } from "./popularity.ts";

/** A group as Nixery makes it. */
export interface NixeryGroup<Part> {
  /** In Nixery's order, of which its layer keys are made: merged groups one after the other. */
  readonly parts: readonly Part[];
  /** Its merge rating; 64 bits, as Nixery counts. */
  readonly rating: bigint;
}

/** Parts whose closure is larger than this, or that are at least this popular, head a group of their own. */
const BIG_CLOSURE_BYTES = 100_000_000;
const POPULAR = 100n;

/** Parts of every image of Nixery's, more popular than anything. */
const EVERYWHERE = /^(?:nss-cacert|iana-etc)/;
const EVERYWHERE_POPULARITY = 500_000n;

/**
 * The plan of Nixery: a part is grouped with the parts that only it needs, and the groups with the lowest rating, popularity
 * times size, are merged into one.
 */
export function nixeryPlan(popularity: Popularity): LayerPlan {
  return {
    kind: "nixery",
    formatVersion: 1,
    popularityDigest: popularity.counts.size > 0 ? popularity.digest : undefined,

    plan<Part extends PlanPart>(parts: readonly Part[], budget: number): PartGroups<Part> {
      const groups = nixeryGroups(parts, popularity, budget);
      return groups.map((group) => group.parts.toSorted(byId));
    },
  };
}

/**
 * At most `budget` (at least 1) groups in ascending order of rating, as Nixery makes them.
 *
 * Where the real one leaves the outcome to chance, ids decide: among equal ratings the lowest first. A part to which
 * nothing requested leads is a group of its own; the real one never has such parts.
 */
export function nixeryGroups<Part extends PlanPart>(
  parts: readonly Part[],
  popularity: Popularity,
  budget: number,
): readonly NixeryGroup<Part>[] {
  const ordered = parts.toSorted(byId);
  const references = referencesOf(ordered);
  const closureSizes = reachableWeights(
    references,
    ordered.map((part) => part.sizeBytes),
  );
  const popularities = ordered.map((part) => popularityOf(part, popularity));
  const heads = ordered.flatMap((part, node) => {
    const big = (closureSizes[node] ?? 0) > BIG_CLOSURE_BYTES;
    return part.requested || big || (popularities[node] ?? 0n) >= POPULAR ? [node] : [];
  });
  const groups = membersByHead(references, heads).map(([head, members]): NixeryGroup<Part> => {
    const size = members.reduce((sum, node) => sum + BigInt(closureSizes[node] ?? 0), 0n);
    return {
      parts: members.flatMap((node) => ordered[node] ?? []),
      rating: BigInt.asUintN(64, (popularities[head] ?? 0n) * size),
    };
  });
  return mergedTo(budget, groups.toSorted(byRating));
}

/** Each part's references to other parts, as indexes. */
function referencesOf(parts: readonly PlanPart[]): Graph {
  const indexes = new Map(parts.map(({ id }, index) => [id, index]));
  return parts.map(({ references = [] }) => references.flatMap((id) => indexes.get(id) ?? []));
}

function popularityOf({ id }: PlanPart, { counts }: Popularity): bigint {
  const name = popularityName(id);
  return EVERYWHERE.test(name) ? EVERYWHERE_POPULARITY : BigInt(counts.get(name) ?? 1);
}

/**
 * Divides the nodes: each goes to the first node through which all walks to it pass, when walks start at any of `starts`. A
 * node that no walk meets is alone.
 */
function membersByHead(
  references: Graph,
  starts: readonly number[],
): readonly (readonly [number, readonly number[]])[] {
  const root = references.length;
  const graph = [...references, starts];
  const dominators = immediateDominators(graph, root);
  const heads = references.map((_, node) => node);
  // A dominator comes before what it dominates.
  for (const node of finishingOrder(graph, root).toReversed().slice(1)) {
    const dominator = dominators[node] ?? root;
    if (dominator !== root) heads[node] = heads[dominator] ?? node;
  }
  return [...Map.groupBy(heads.keys(), (node) => heads[node] ?? node)];
}

/** Joins the first groups, in order, until there are at most `budget`. */
function mergedTo<Part>(budget: number, groups: readonly NixeryGroup<Part>[]): readonly NixeryGroup<Part>[] {
  const excess = groups.length - budget;
  if (excess <= 0) return groups;
  const merged = groups.slice(0, excess + 1);
  const rating = merged.reduce((sum, group) => BigInt.asUintN(64, sum + group.rating), 0n);
  return [{ parts: merged.flatMap((group) => group.parts), rating }, ...groups.slice(excess + 1)];
}

/** Equal ratings stay in the order of their first ids. */
function byRating(left: NixeryGroup<PlanPart>, right: NixeryGroup<PlanPart>): number {
  if (left.rating === right.rating) return 0;
  return left.rating < right.rating ? -1 : 1;
}

function byId(left: PlanPart, right: PlanPart): number {
  return left.id < right.id ? -1 : 1;
}
