import { RegistryError } from "../../oci/registry-error.ts";
import type { AptArchive } from "./apt-archive.ts";
import { aptFailure, parseDigests } from "./apt-output.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import { orBuildFailed } from "./command-failure.ts";
import type { DebianPackage } from "./debian-package.ts";

type Archive = Pick<AptArchive, "workspace" | "lists">;

/**
 * Checks that the lists have these very packages, byte for byte. If they lack one, refreshes them first, unless they are
 * new.
 *
 * @throws {RegistryError} `package-unknown`, naming all that they lack; what {@link PackageLists.current} throws
 */
export async function requireListed(
  archive: Archive,
  packages: readonly DebianPackage[],
  signal: AbortSignal,
): Promise<void> {
  if ((await findUnlisted(archive, packages, signal)).length === 0) return;
  await archive.workspace.expireLists();
  const unlisted = await findUnlisted(archive, packages, signal);
  if (unlisted.length === 0) return;
  throw new RegistryError(
    "package-unknown",
    `no source has these packages of the lock: ${unlisted.join(", ")}`,
  );
}

/** The packages, as `NAME=VERSION`, that the lists do not have or only with other bytes. */
async function findUnlisted(
  { workspace, lists }: Archive,
  packages: readonly DebianPackage[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { names } = await lists.current(signal);
  // apt would read an unknown name as a pattern.
  const known = packages.map(({ name }) => name).filter((name) => names.has(name));
  const digests =
    known.length === 0 ? new Map<string, string>() : await listedDigests(workspace, known, signal);
  return packages.flatMap(({ name, version, sha256 }) => {
    const pin = `${name}=${version}`;
    const listed = digests.get(pin);
    if (listed === sha256) return [];
    return [listed === undefined ? pin : `${pin} (the sources have other bytes)`];
  });
}

async function listedDigests(
  workspace: AptWorkspace,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const command = ["apt-cache", "show", "--all-versions", "--", ...names];
  const { exitCode, stdout, stderr } = await orBuildFailed(workspace.query(command, signal));
  // Names that other packages only mention are known too.
  const hasNone = /^E: No packages found$/m.test(stderr);
  if (exitCode !== 0 && !hasNone) throw aptFailure("reading the package lists failed", stderr);
  return parseDigests(stdout);
}
