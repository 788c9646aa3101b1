import { immediateDominators } from "./dominators.ts";
import { finishingOrder, type Graph, reachableWeights } from "./graph.ts";
import type { LayerPlan, PartGroups, PlanPart } from "./layer-plan.ts";
import { type Popularity, popularityName } from "./popularity.ts";

/** A group as Nixery makes it. */
export interface NixeryGroup<Part> {
  /** In Nixery's order, from which it makes layer keys: merged groups one after the other. */
  readonly parts: readonly Part[];
  /** Its merge rating, in 64 bits as in Nixery. */
  readonly rating: bigint;
}

/** A part whose closure is larger than this, or that is at least this popular, starts a group. */
const BIG_CLOSURE_BYTES = 100_000_000;
const POPULAR = 100n;

/** Parts that Nixery adds to every image. They count as more popular than anything else. */
const EVERYWHERE = /^(?:nss-cacert|iana-etc)/;
const EVERYWHERE_POPULARITY = 500_000n;

/**
 * Nixery's plan. A part is grouped with the parts that only it needs. Groups are rated by popularity times size, and
 * those with the lowest ratings are merged into one.
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
 * Where the real Nixery leaves the outcome to chance, ids decide: among equal ratings, the lowest id comes first. A
 * part that no requested part leads to is a separate group; the real Nixery never has such parts.
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
 * Divides the nodes by their head: the first node that all walks to them pass, when walks start at any of `starts`. A
 * node that no walk reaches is alone.
 */
function membersByHead(
  references: Graph,
  starts: readonly number[],
): readonly (readonly [number, readonly number[]])[] {
  const root = references.length;
  const graph = [...references, starts];
  const dominators = immediateDominators(graph, root);
  const heads = references.map((_, node) => node);
  // A dominator comes before the nodes that it dominates.
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
