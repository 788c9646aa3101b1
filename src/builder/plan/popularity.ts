import { type Digest, digestOf } from "../../oci/digest.ts";
import type { PlanPart } from "./layer-plan.ts";

/** How often other packages refer to each package. Nixery's plan uses it. */
export interface Popularity {
  /** Counts by name with version, as {@link popularityName} gives it. */
  readonly counts: ReadonlyMap<string, number>;
  /** Digest of the canonical data, recorded in locks. Equal counts have equal digests, wherever they come from. */
  readonly digest: Digest;
}

/** Popularity data that cannot be used, and why. */
export class PopularityError extends Error {
  override readonly name = "PopularityError";
}

/** Limits of popularity data. */
export interface PopularityLimits {
  readonly bytes: number;
  readonly entries: number;
}

/** Maximum size of a file with popularity data. */
export const MAX_POPULARITY_BYTES = 32 << 20;

const LIMITS: PopularityLimits = { bytes: MAX_POPULARITY_BYTES, entries: 500_000 };

/** No data: all packages are equally popular. */
export const NO_POPULARITY: Popularity = createPopularity(new Map());

/**
 * Parses popularity data in Nixery's format: a JSON object of names and whole numbers of at least 0.
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
 * Counts how many parts of a package set refer to each other part. Leaves out parts that no other part refers to, as
 * Nixery's data leaves out names that it counts once.
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

/** The name of a part in popularity data: for a Nix store path, the text after the hash; otherwise the id. */
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
  // Written by hand, because an object would put names that are numbers first.
  const members = [...counts.keys()]
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${counts.get(name) ?? 0}`);
  return { counts, digest: digestOf(`{${members.join(",")}}`) };
}
