import { type Digest, digestOf } from "../../oci/digest.ts";
import type { PlanPart } from "./layer-plan.ts";

/** How often other packages refer to each package; decides in Nixery's plan. */
export interface Popularity {
  /** By name with version, as {@link popularityName} has it. */
  readonly counts: ReadonlyMap<string, number>;
  /** Of the canonical data: equal counts have equal digests, wherever they come from. A lock holds it. */
  readonly digest: Digest;
}

/** Popularity data that cannot be used, and why. */
export class PopularityError extends Error {
  override readonly name = "PopularityError";
}

/** How much popularity data is accepted. */
export interface PopularityLimits {
  readonly bytes: number;
  readonly entries: number;
}

/** Of a file with popularity data. */
export const MAX_POPULARITY_BYTES = 32 << 20;

const LIMITS: PopularityLimits = { bytes: MAX_POPULARITY_BYTES, entries: 500_000 };

/** No data: every package is as popular as the others. */
export const NO_POPULARITY: Popularity = createPopularity(new Map());

/**
 * Popularity data in Nixery's format: a JSON object of names and whole numbers from 0 on.
 *
 * @throws {PopularityError} if it has another form, or exceeds `limits`
 */
export function parsePopularity(text: string, limits = LIMITS): Popularity {
  if (Buffer.byteLength(text) > limits.bytes)
    throw new PopularityError(`popularity data has more than ${limits.bytes} bytes`);
  const entries = Object.entries(parseObject(text));
  if (entries.length > limits.entries)
    throw new PopularityError(`popularity data has more than ${limits.entries} names`);
  return createPopularity(new Map(entries.map(([name, count]) => [name, checkedCount(name, count)])));
}

/**
 * Popularity of the parts of a package set among themselves: how many of them refer to each, itself not counted. Parts
 * that no other part refers to are left out, as Nixery's data leaves out what it counts once.
 */
export function countReferences(parts: Iterable<PlanPart>): Popularity {
  const names = new Map<string, string>();
  const referrers = new Map<string, number>();
  for (const { id, references = [] } of parts) {
    names.set(id, popularityName(id));
    for (const target of new Set(references)) {
      if (target !== id) referrers.set(target, (referrers.get(target) ?? 0) + 1);
    }
  }
  const counts = new Map<string, number>();
  for (const [id, count] of referrers) {
    const name = names.get(id);
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return createPopularity(counts);
}

/** The name under which popularity data counts a part: of a Nix store path, what follows the hash; else the id. */
export function popularityName(id: string): string {
  return id.replace(/^\/nix\/store\/[0-9a-z]+-/, "");
}

function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PopularityError("popularity data is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new PopularityError("popularity data is not a JSON object of names and numbers");
  return value;
}

function checkedCount(name: string, count: unknown): number {
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return count;
  throw new PopularityError(
    `popularity data has no whole number (0 or more) for ${JSON.stringify(name.slice(0, 100))}`,
  );
}

function createPopularity(counts: ReadonlyMap<string, number>): Popularity {
  // Text by hand, because an object would put names that are numbers first.
  const members = [...counts.keys()]
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${counts.get(name) ?? 0}`);
  return { counts, digest: digestOf(`{${members.join(",")}}`) };
}
