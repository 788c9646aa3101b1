import { RegistryError } from "../../oci/registry-error.ts";
import type { AptArchive } from "./apt-archive.ts";
import { aptFailure, parseDigests } from "./apt-output.ts";
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
  await archive.lists.current(signal);
  if ((await findUnlisted(archive, packages, signal)).length === 0) return;
  await archive.workspace.expireLists();
  await archive.lists.current(signal);
  const unlisted = await findUnlisted(archive, packages, signal);
  if (unlisted.length === 0) return;
  throw new RegistryError(
    "package-unknown",
    `no source has these packages of the lock: ${unlisted.join(", ")}`,
  );
}

/** The packages, as `NAME=VERSION`, that the lists do not have or only with other bytes. */
async function findUnlisted(
  { workspace }: Archive,
  packages: readonly DebianPackage[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const command = ["apt-cache", "show", "--all-versions", "--", ...packages.map(({ name }) => name)];
  const { exitCode, stdout, stderr } = await orBuildFailed(workspace.query(command, signal));
  const hasNone = /^E: No packages found$/m.test(stderr);
  if (exitCode !== 0 && !hasNone) throw aptFailure("reading the package lists failed", stderr);
  const digests = parseDigests(stdout);
  return packages.flatMap(({ name, version, sha256 }) => {
    const pin = `${name}=${version}`;
    const listed = digests.get(pin);
    if (listed === sha256) return [];
    return [listed === undefined ? pin : `${pin} (the sources have other bytes)`];
  });
}
