import { z } from "zod";
import { nameAndVersion } from "./nix/nix-part.ts";

/** A member of a lock other than its closure, or a package of the closure, that is not the same in another lock. */
export interface LockChange {
  readonly name: string;
  /** Absent if it was added. */
  readonly before?: string | undefined;
  /** Absent if it was removed. */
  readonly after?: string | undefined;
}

/** How two locks differ. */
export interface LockDiff {
  /** Members of the lock, by path, such as `plan.budget`. */
  readonly settings: readonly LockChange[];
  /** By name. A package whose version is the same, but not its bytes, has their digest after its version. */
  readonly packages: readonly LockChange[];
}

/** A package of a closure as the sources write it: Debian's, or Nix's. */
const LockedPackage = z.union([
  z.object({ name: z.string(), version: z.string(), sha256: z.string() }),
  z.object({ path: z.string(), narHash: z.string() }),
]);
const ImageLockSchema = z.looseObject({
  formatVersion: z.number(),
  source: z.looseObject({ name: z.string() }),
  closure: z.array(LockedPackage),
});

/** A lock that was read. */
type Lock = z.infer<typeof ImageLockSchema>;

/** A package's version and what identifies its bytes. */
interface Locked {
  readonly version: string;
  readonly digest: string;
}

/**
 * Reads an image's lock.
 *
 * @throws {Error} if it is none; that of an index names those of its images, which have to be read instead
 */
export function parseLock(text: string): Lock {
  const value: unknown = JSON.parse(text);
  const result = ImageLockSchema.safeParse(value);
  if (result.success) return result.data;
  const isIndex = z.looseObject({ images: z.array(z.string()) }).safeParse(value).success;
  throw new Error(
    isIndex ? "it is the lock of an index; take those of its images" : "it is not the lock of an image",
  );
}

/** What changed from one lock to another; both lists are empty only for equal images. */
export function diffLocks(before: Lock, after: Lock): LockDiff {
  return {
    settings: diff(settingsOf(before), settingsOf(after)),
    packages: diffPackages(packagesOf(before), packagesOf(after)),
  };
}

function settingsOf({ closure: _, ...lock }: Lock): ReadonlyMap<string, string> {
  return new Map(flatten("", lock));
}

/** The values of a JSON object by path; arrays count as values. */
function flatten(path: string, value: unknown): readonly (readonly [string, string])[] {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  // Text of several lines stays on one.
  const isPlain = typeof value === "string" && !value.includes("\n");
  if (!isObject) return [[path, isPlain ? value : JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, member]) =>
    flatten(path === "" ? key : `${path}.${key}`, member),
  );
}

/** The versions of each package; a closure can hold several of one name. */
function packagesOf({ closure }: Lock): ReadonlyMap<string, readonly Locked[]> {
  const locked = closure.map((one) =>
    "path" in one
      ? { version: "", ...nameAndVersion(one.path), digest: one.narHash }
      : { name: one.name, version: one.version, digest: one.sha256 },
  );
  return Map.groupBy(locked, ({ name }) => name);
}

function diffPackages(
  before: ReadonlyMap<string, readonly Locked[]>,
  after: ReadonlyMap<string, readonly Locked[]>,
): readonly LockChange[] {
  const textOf = (some: readonly Locked[] = [], other: readonly Locked[] = []) => {
    const isRebuilt = some.some((one) =>
      other.some((two) => one.version === two.version && one.digest !== two.digest),
    );
    return some
      .map(({ version, digest }) => (isRebuilt ? `${version} (${digest})` : version))
      .toSorted()
      .join(", ");
  };
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  const text = (from: typeof before, other: typeof before) =>
    new Map(
      names.filter((name) => from.has(name)).map((name) => [name, textOf(from.get(name), other.get(name))]),
    );
  return diff(text(before, after), text(after, before));
}

function diff(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly LockChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return names
    .map((name) => ({ name, before: before.get(name), after: after.get(name) }))
    .filter((change) => change.before !== change.after);
}
