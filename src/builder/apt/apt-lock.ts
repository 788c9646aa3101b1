import { z } from "zod";
import type { Finish } from "../debian/image-finisher.ts";
import { isDebianPackageName } from "../debian/package-name.ts";
import { LockError } from "../lock-error.ts";
import { damaged } from "../locked-image.ts";
import type { Closure } from "./apt-archive.ts";
import { isPackageRequest, isPackageVersion, parsePackageRequests } from "./apt-request.ts";
import { type DebianPackage, isRepositoryPath } from "./debian-package.ts";
import { APT_PACKAGE, SOURCES_PATHS, type SourcesFile } from "./sources/sources-file.ts";

/** What the lock of a Debian image says besides its plan. */
export interface AptLockInputs {
  readonly closure: Closure;
  readonly mode: Finish["mode"];
  readonly sources?: SourcesFile | undefined;
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
  sources: z.strictObject({ path: z.enum(SOURCES_PATHS), text: z.string() }).optional(),
  closure: z.array(Package),
});

/** What goes into the lock of a Debian image, in a fixed order. */
export function aptLockInputs(
  { packages, selected }: Closure,
  { mode, formatVersion }: Pick<Finish, "mode" | "formatVersion">,
  sources: SourcesFile | undefined,
): Readonly<Record<string, unknown>> {
  return {
    finisher: { mode, formatVersion },
    ...(selected.size > 0 && { selected: Object.fromEntries([...selected].toSorted()) }),
    ...(sources !== undefined && { sources: { path: sources.path, text: sources.text } }),
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
  const { finisher, selected = {}, sources, closure: packages } = result.data;
  const closure = { packages, selected: new Map(Object.entries(selected)) };
  const problem = problemOf(closure, requested, architecture);
  if (problem !== undefined) throw new LockError(`it is damaged: ${problem}`);
  if (sources !== undefined && !packages.some(({ name }) => name === APT_PACKAGE))
    throw new LockError("it is damaged: sources: the image has no apt");
  return { closure, mode: finisher.mode, sources };
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
