import { RegistryError } from "../../oci/registry-error.ts";
import type { AptArchive } from "./apt-archive.ts";
import { aptFailure, parseDigests } from "./apt-output.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import { orBuildFailed } from "./command-failure.ts";
import { type DebianPackage, pinOf, totalSizeOf } from "./debian-package.ts";
import { downloadListed, notDownloaded, type OnBytes } from "./listed-packages.ts";
import { openRepositories } from "./repository-files.ts";

type Archive = Pick<AptArchive, "workspace" | "lists">;

/** Several, because lists that have been refreshed may know more. */
const MAX_ROUNDS = 2;

/**
 * Downloads the packages of a lock into `folder`: those that the lists have, byte for byte, as they say; the others from
 * any repository that still has the file at the lock's path.
 *
 * @throws {RegistryError} `package-unknown`, naming all that no repository has; `build-failed` if one could not be asked;
 * `build-unavailable`, `storage-full`; what {@link PackageLists.current} throws
 */
export async function downloadLocked(
  archive: Archive,
  packages: readonly DebianPackage[],
  folder: string,
  report: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const totalBytes = totalSizeOf(packages);
  let missing = packages;
  for (let round = 1; round <= MAX_ROUNDS && missing.length > 0; round += 1) {
    const doneBytes = totalBytes - totalSizeOf(missing);
    const onBytes = (more: number): void => report(doneBytes + more);
    missing = await downloadThoseListed(archive, missing, folder, onBytes, signal);
    if (missing.length === 0) return;
    await archive.workspace.expireLists();
    if ((await archive.workspace.freshRevision()) !== undefined) break;
  }
  let doneBytes = totalBytes - totalSizeOf(missing);
  await downloadByPath(archive.workspace, missing, folder, signal, ({ sizeBytes }) => {
    doneBytes += sizeBytes;
    report(doneBytes);
  });
}

/** Downloads those of the packages that the lists have. Resolves to the rest, and those that could not be downloaded. */
async function downloadThoseListed(
  archive: Archive,
  packages: readonly DebianPackage[],
  folder: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<readonly DebianPackage[]> {
  const listed = await findListed(archive, packages, signal);
  if (listed.length === 0) return packages;
  try {
    await downloadListed(archive.workspace, listed, folder, onBytes, signal);
  } catch (failure) {
    // The mirror may have dropped packages that are still in the lists, and another repository may have them.
    if (!(failure instanceof RegistryError) || failure.fault !== "build-failed") throw failure;
  }
  return await notDownloaded(packages, folder);
}

/** The packages that the lists have with these very bytes. */
async function findListed(
  { workspace, lists }: Archive,
  packages: readonly DebianPackage[],
  signal: AbortSignal,
): Promise<readonly DebianPackage[]> {
  const { names } = await lists.current(signal);
  // apt would read an unknown name as a pattern.
  const known = packages.map(({ name }) => name).filter((name) => names.has(name));
  if (known.length === 0) return [];
  const digests = await listedDigests(workspace, known, signal);
  return packages.filter((one) => digests.get(pinOf(one)) === one.sha256);
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

/** Downloads the packages from the repositories that still have their files, one at a time. */
async function downloadByPath(
  workspace: AptWorkspace,
  packages: readonly DebianPackage[],
  folder: string,
  signal: AbortSignal,
  onDone: (one: DebianPackage) => void,
): Promise<void> {
  const repositories = await openRepositories(workspace, folder, signal);
  const lost: string[] = [];
  for (const one of packages) {
    const problem = await repositories.download(one, signal);
    if (problem === undefined) onDone(one);
    else lost.push(`${pinOf(one)}${problem === "absent" ? "" : " (the sources have other bytes)"}`);
  }
  if (lost.length === 0) return;
  lost.sort();
  const { failures } = repositories;
  if (failures !== "") throw aptFailure("downloading the packages failed", failures, { packages: lost });
  throw new RegistryError("package-unknown", `no source has these packages of the lock: ${lost.join(", ")}`);
}
