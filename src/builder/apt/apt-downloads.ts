import { RegistryError } from "../../oci/registry-error.ts";
import type { CommandResult } from "../process/command-runner.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import { type DebianPackage, downloadedName, pinOf } from "./debian-package.ts";

/** A package, and where its file is. */
export interface AddressedPackage extends DebianPackage {
  readonly address: string;
}

/** How packages are downloaded from addresses. */
export interface AddressedOptions {
  /** More settings of apt, as `NAME=VALUE`. */
  readonly settings?: readonly string[];
  readonly onPercent?: (percent: number) => void;
}

/** apt's program that downloads files. It is in no search path, and no setting of apt names it. */
const APT_HELPER = "/usr/lib/apt/apt-helper";

/**
 * Downloads packages that the lists have, as they say, into `folder`. Reports the progress to `onPercent`.
 *
 * If that fails, the next build refreshes the lists, unless they were refreshed a few minutes ago: a mirror drops versions
 * that newer ones replaced, so the lists may name files that are gone.
 */
export async function downloadPinned(
  workspace: AptWorkspace,
  packages: readonly DebianPackage[],
  folder: string,
  onPercent: (percent: number) => void,
  signal: AbortSignal,
): Promise<CommandResult> {
  const command = ["apt-get", "download", "--", ...packages.map(pinOf)];
  const result = await workspace.download(command, folder, { isByPath: true, onPercent }, signal);
  if (result.exitCode !== 0) {
    workspace.logFailedDownload(result.stderr);
    await workspace.expireLists();
  }
  return result;
}

/** Whether this host can download packages from addresses. */
export function canDownloadAddressed(workspace: AptWorkspace): boolean {
  return workspace.find(APT_HELPER) !== undefined;
}

/**
 * Downloads packages from these addresses, whatever the lists say, into `folder`. apt makes links there to files of this
 * host. Fails if a file has another digest or size.
 *
 * @throws {RegistryError} `build-unavailable` if this host cannot do that
 */
export async function downloadAddressed(
  workspace: AptWorkspace,
  packages: readonly AddressedPackage[],
  folder: string,
  { settings = [], onPercent }: AddressedOptions,
  signal: AbortSignal,
): Promise<CommandResult> {
  if (!canDownloadAddressed(workspace)) {
    const message = "the package lists do not have all packages, and apt-helper is not installed";
    throw new RegistryError("build-unavailable", message);
  }
  const files = packages.flatMap((one) => [
    one.address,
    `./${downloadedName(one)}`,
    `SHA256:${one.sha256}`,
    // With its size, apt does not download more than that.
    `Checksum-FileSize:${one.sizeBytes}`,
  ]);
  const command = [APT_HELPER, ...settings.flatMap((setting) => ["-o", setting]), "download-file", ...files];
  return await workspace.download(command, folder, { isByPath: false, onPercent }, signal);
}
