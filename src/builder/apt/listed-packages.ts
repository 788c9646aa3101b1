import { stat } from "node:fs/promises";
import { join } from "node:path";
import { absent } from "../../files/system-error.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { ResolutionOutdated, type StepContext } from "../package-source.ts";
import { aptFailure } from "./apt-output.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import { type DebianPackage, downloadedName, pinOf, totalSizeOf } from "./debian-package.ts";

/**
 * Downloads packages that the lists have, in these versions, into `folder`.
 *
 * @throws {RegistryError} `build-failed`, naming those that were not downloaded; `storage-full`
 */
export async function downloadListed(
  workspace: AptWorkspace,
  packages: readonly DebianPackage[],
  folder: string,
  { progress, signal }: StepContext,
): Promise<void> {
  const totalBytes = totalSizeOf(packages);
  const report = (percent: number): void =>
    progress({ kind: "download", doneBytes: Math.round((totalBytes * percent) / 100), totalBytes });
  const { exitCode, stderr } = await workspace.download(packages.map(pinOf), folder, report, signal);
  if (exitCode !== 0) throw await downloadFailure(packages, folder, stderr);
  report(100);
}

/**
 * The same for a closure that apt chose at that revision of the lists.
 *
 * @throws {ResolutionOutdated} if the lists have been replaced since, or are due for a refresh because a mirror lacks a
 * package: what is chosen from newer ones can be downloaded
 */
export async function downloadChosen(
  workspace: AptWorkspace,
  revision: number,
  packages: readonly DebianPackage[],
  folder: string,
  context: StepContext,
): Promise<void> {
  try {
    await downloadListed(workspace, packages, folder, context);
  } catch (failure) {
    const isAboutPackages = failure instanceof RegistryError && failure.fault === "build-failed";
    if (!isAboutPackages || (await workspace.freshRevision()) === revision) throw failure;
    throw new ResolutionOutdated(`the package lists were replaced: ${failure.message}`);
  }
}

async function downloadFailure(packages: readonly DebianPackage[], folder: string, stderr: string) {
  const missing = await notDownloaded(packages, folder);
  return aptFailure("downloading the packages failed", stderr, { packages: missing.map(pinOf) });
}

/** Those of the packages that apt has not downloaded into `folder`, or only in part. */
export async function notDownloaded(
  packages: readonly DebianPackage[],
  folder: string,
): Promise<readonly DebianPackage[]> {
  const files = await Promise.all(
    packages.map((one) => stat(join(folder, downloadedName(one))).catch(absent)),
  );
  return packages.filter(({ sizeBytes }, index) => files[index]?.size !== sizeBytes);
}
