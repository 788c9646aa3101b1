import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { absent } from "../../files/system-error.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { ResolutionOutdated, type StepContext } from "../package-source.ts";
import { canDownloadAddressed, downloadAddressed, downloadPinned } from "./apt-downloads.ts";
import { aptFailure } from "./apt-output.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import { orBuildFailed } from "./command-failure.ts";
import { type DebianPackage, downloadedName, pinOf, totalSizeOf } from "./debian-package.ts";
import type { Download } from "./download-batch.ts";

/** Where packages of a closure are. */
export interface ListedPlaces {
  /** The revision of the lists that name them. */
  readonly revision: number;
  /** The address from which apt would take each file, by its SHA-256; apt may not tell all. */
  readonly addresses: ReadonlyMap<string, string>;
}

/** Gets how many bytes of a download are there. */
export type OnBytes = (doneBytes: number) => void;

/**
 * An address from which apt itself copies. Not one with a password, because everybody on this host can read command
 * lines.
 */
const PLAIN_ADDRESS = /^(?:https?|copy):[^@]*$/;
/** So that a command line is far shorter than the system allows. */
const MAX_ADDRESSED = 1000;

/** Downloads packages into a folder, where each gets its {@link downloadedName}, and tells how far it is. */
export type DownloadStep = (
  packages: readonly DebianPackage[],
  folder: string,
  onBytes: OnBytes,
  signal: AbortSignal,
) => Promise<void>;

/**
 * The download of `packages`, in one or several steps, each of which downloads some of them. Reports how much of all is
 * downloaded. That never goes back: what failed is downloaded again.
 */
export function reportedDownload(
  packages: readonly DebianPackage[],
  download: DownloadStep,
  { progress }: Pick<StepContext, "progress">,
): Download {
  const totalBytes = totalSizeOf(packages);
  let before = 0;
  let most = 0;
  return async (some, folder, signal) => {
    const onBytes = (doneBytes: number) => {
      most = Math.max(most, before + doneBytes);
      progress({ kind: "download", doneBytes: most, totalBytes });
    };
    await orBuildFailed(download(some, folder, onBytes, signal));
    before += totalSizeOf(some);
  };
}

/**
 * Downloads packages that the lists have, in these versions, into `folder`.
 *
 * @throws {RegistryError} `build-failed`, naming those that were not downloaded; `storage-full`
 */
export async function downloadListed(
  workspace: AptWorkspace,
  packages: readonly DebianPackage[],
  folder: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const onPercent = percentOf(packages, onBytes);
  const { exitCode, stderr } = await downloadPinned(workspace, packages, folder, onPercent, signal);
  if (exitCode !== 0) throw await downloadFailure(packages, folder, stderr);
  onPercent(100);
}

/**
 * The same for a closure that apt chose, if possible from the places that it named.
 *
 * @throws {ResolutionOutdated} if the lists have been replaced since, or are due for a refresh because a mirror lacks a
 * package: what is chosen from newer ones can be downloaded
 */
export async function downloadChosen(
  workspace: AptWorkspace,
  { revision, addresses }: ListedPlaces,
  packages: readonly DebianPackage[],
  folder: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const missing = await downloadFromPlaces(workspace, addresses, packages, folder, onBytes, signal);
  if (missing.length === 0) return;
  const doneBytes = totalSizeOf(packages) - totalSizeOf(missing);
  try {
    // apt tries all places of a package.
    await downloadListed(workspace, missing, folder, (more) => onBytes(doneBytes + more), signal);
  } catch (failure) {
    const isAboutPackages = failure instanceof RegistryError && failure.fault === "build-failed";
    if (!isAboutPackages || (await workspace.freshRevision()) === revision) throw failure;
    throw new ResolutionOutdated(`the package lists were replaced: ${failure.message}`);
  }
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

/**
 * Downloads packages without reading the lists again, which takes apt a third of a second. Resolves to those that are not
 * there then.
 */
async function downloadFromPlaces(
  workspace: AptWorkspace,
  addresses: ReadonlyMap<string, string>,
  packages: readonly DebianPackage[],
  folder: string,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<readonly DebianPackage[]> {
  const addressed = packages.map((one) => ({ ...one, address: addresses.get(one.sha256) ?? "" }));
  const arePlain = addressed.every(({ address }) => PLAIN_ADDRESS.test(address));
  if (!arePlain || packages.length > MAX_ADDRESSED || !canDownloadAddressed(workspace)) return packages;
  const onPercent = percentOf(packages, onBytes);
  const { exitCode } = await downloadAddressed(workspace, addressed, folder, { onPercent }, signal);
  if (exitCode === 0) {
    onPercent(100);
    return [];
  }
  const missing = await notDownloaded(packages, folder);
  // apt would go on with a part, although another place may have other bytes.
  for (const one of missing) await rm(join(folder, downloadedName(one)), { force: true });
  return missing;
}

/** Takes a percentage of the packages' bytes. */
function percentOf(packages: readonly DebianPackage[], onBytes: OnBytes): (percent: number) => void {
  const totalBytes = totalSizeOf(packages);
  return (percent) => onBytes(Math.round((totalBytes * percent) / 100));
}

async function downloadFailure(packages: readonly DebianPackage[], folder: string, stderr: string) {
  const missing = await notDownloaded(packages, folder);
  return aptFailure("downloading the packages failed", stderr, { packages: missing.map(pinOf) });
}
