import { aptFailure } from "./apt-output.ts";
import { type AptWorkspace, NO_LISTS } from "./apt-workspace.ts";

/** Settings with which apt reads only the sources: reading all packages would take a second. */
const WITHOUT_LISTS = [
  `Dir::State::lists=./${NO_LISTS}`,
  ...["pkgcache", "srcpkgcache"].map((cache) => `Dir::Cache::${cache}=`),
].flatMap((setting) => ["-o", setting]);

/** The addresses of the repositories, to which the paths of their files are added. In the order of the sources. */
export async function repositoryAddresses(
  workspace: AptWorkspace,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const addresses = await indexTargets(workspace, "$(REPO_URI)", signal);
  // apt has decoded them, but encodes an address as a whole only if it has a space.
  return [...new Set(addresses.map((one) => one.replaceAll(/[^!-~]/gu, encodeURIComponent)))];
}

/** The files in which apt finds its sources, in its order, without those that have none for binary packages. */
export async function sourceFiles(workspace: AptWorkspace, signal: AbortSignal): Promise<readonly string[]> {
  const places = await indexTargets(workspace, "$(SOURCESENTRY)", signal);
  // FILE:NUMBER
  return [...new Set(places.map((place) => place.replace(/:\d+$/, "")))];
}

/** A text for each package list of the sources. */
async function indexTargets(
  workspace: AptWorkspace,
  format: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // Without this option, apt leaves out repositories whose lists are empty.
  const all = "--no-release-info";
  const command = [
    "apt-get",
    ...WITHOUT_LISTS,
    "indextargets",
    all,
    "--format",
    format,
    "Created-By: Packages",
  ];
  const { exitCode, stdout, stderr } = await workspace.query(command, signal);
  if (exitCode !== 0) throw aptFailure("reading the sources failed", stderr);
  return stdout.split("\n").filter((line) => line !== "");
}
