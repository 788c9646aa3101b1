import { z } from "zod";
import type { Finish } from "../debian/image-finisher.ts";
import { isDebianPackageName } from "../debian/package-name.ts";
import { LockError } from "../lock-error.ts";
import { damaged } from "../locked-image.ts";
import type { Closure } from "./apt-archive.ts";
import { isPackageRequest, isPackageVersion, parsePackageRequests } from "./apt-request.ts";
import { type DebianPackage, isRepositoryPath } from "./debian-package.ts";

/** What the lock of a Debian image says besides its plan. */
export interface AptLockInputs {
  readonly closure: Closure;
  readonly mode: Finish["mode"];
}

const Name = z.string().refine(isDebianPackageName, "is not a package name");
const Package = z.strictObject({
  name: Name,
  version: z.string().refine(isPackageVersion, "is not a version"),
  architecture: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "is not a SHA-256 digest"),
  sizeBytes: z.int().min(0),
  file: z.string().refine(isRepositoryPath, "is not a path in a repository"),
  base: z.boolean(),
});
const Inputs = z.strictObject({
  finisher: z.strictObject({ mode: z.enum(["unpacked", "configured"]), formatVersion: z.number() }),
  selected: z.record(Name, Name).optional(),
  closure: z.array(Package),
});

/** What goes into the lock of a Debian image, in a fixed order. */
export function aptLockInputs(
  { packages, selected }: Closure,
  { mode, formatVersion }: Pick<Finish, "mode" | "formatVersion">,
): Readonly<Record<string, unknown>> {
  return {
    finisher: { mode, formatVersion },
    ...(selected.size > 0 && { selected: Object.fromEntries([...selected].toSorted()) }),
    closure: packages.map(entryOf),
  };
}

/** The fields of a package that go into the lock. Leaves out those that can change, such as the description. */
function entryOf({ name, version, architecture, sha256, sizeBytes, file, base }: DebianPackage) {
  return { name, version, architecture, sha256, sizeBytes, file, base };
}

/**
 * Reads what {@link aptLockInputs} wrote.
 *
 * @param requested the packages that the lock's image is for
 * @throws {LockError} if it is damaged
 */
export function parseAptLockInputs(
  requested: readonly string[],
  architecture: string,
  inputs: Readonly<Record<string, unknown>>,
): AptLockInputs {
  const result = Inputs.safeParse(inputs);
  if (!result.success) throw damaged(result.error);
  const { finisher, selected = {}, closure: packages } = result.data;
  const closure = { packages, selected: new Map(Object.entries(selected)) };
  const problem = problemOf(closure, requested, architecture);
  if (problem !== undefined) throw new LockError(`it is damaged: ${problem}`);
  return { closure, mode: finisher.mode };
}

/** Why no resolution gives this closure; `undefined` if one can. */
function problemOf(
  { packages, selected }: Closure,
  requested: readonly string[],
  architecture: string,
): string | undefined {
  const names = packages.map(({ name }) => name);
  if (names.some((name, index) => index > 0 && name <= (names[index - 1] ?? "")))
    return "its packages are not in order";
  const foreign = packages.find((one) => one.architecture !== "all" && one.architecture !== architecture);
  if (foreign !== undefined)
    return `${foreign.name} is for ${foreign.architecture}, the image for ${architecture}`;
  const impossible = requested.find((text) => !isPackageRequest(text));
  if (impossible !== undefined) return `packages: ${impossible} is not a package`;
  const known = new Set(names);
  const absent = [...parsePackageRequests(requested).keys()].find(
    (name) => !known.has(selected.get(name) ?? name),
  );
  return absent === undefined ? undefined : `its closure has no ${absent}`;
}
