import { copyFile, lstat, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { downloadAddressed } from "./apt-downloads.ts";
import { type FileProblem, fileProblem } from "./apt-output.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import { type DebianPackage, downloadedName, encodePath } from "./debian-package.ts";
import { repositoryAddresses } from "./index-targets.ts";

/** One repository of the sources. */
interface Repository {
  /** Its address, to which the path of a file is added. */
  readonly address: string;
  /** Settings with which apt reaches it, as `NAME=VALUE`. */
  readonly settings: readonly string[];
}

/** The repositories of the sources, asked for files that their lists may not name. Downloads into `folder`. */
export async function openRepositories(
  workspace: AptWorkspace,
  folder: string,
  signal: AbortSignal,
): Promise<RepositoryFiles> {
  const addresses = await repositoryAddresses(workspace, signal);
  const repositories = await Promise.all(
    addresses.map((address, index) => openRepository(address, join(folder, `repository-${index}`))),
  );
  return new RepositoryFiles(workspace, folder, repositories);
}

/** See {@link openRepositories}. */
export class RepositoryFiles {
  readonly #workspace: AptWorkspace;
  readonly #folder: string;
  readonly #repositories: readonly Repository[];
  /** What apt wrote about the repositories that it could not reach. Those are not asked again. */
  readonly #failures = new Map<Repository, string>();

  constructor(workspace: AptWorkspace, folder: string, repositories: readonly Repository[]) {
    this.#workspace = workspace;
    this.#folder = folder;
    this.#repositories = repositories;
  }

  /** What apt wrote about repositories that could not be asked; empty if all could. */
  get failures(): string {
    return [...this.#failures.values()].join("\n");
  }

  /** Downloads a package from the first repository that has its file. Resolves to why none has; `undefined` if one has. */
  async download(wanted: DebianPackage, signal: AbortSignal): Promise<FileProblem | undefined> {
    let worst: FileProblem = "absent";
    for (const repository of this.#repositories) {
      if (this.#failures.has(repository)) continue;
      const stderr = await this.#downloadFrom(repository, wanted, signal);
      if (stderr === undefined) return undefined;
      const problem = fileProblem(stderr);
      if (problem === undefined) this.#failures.set(repository, stderr);
      if (problem === "other-bytes") worst = problem;
    }
    return worst;
  }

  /** Resolves to what apt wrote if it failed. */
  async #downloadFrom(
    { address, settings }: Repository,
    wanted: DebianPackage,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const path = join(this.#folder, downloadedName(wanted));
    // apt would go on with a part that another repository gave.
    await rm(path, { force: true });
    const addressed = { ...wanted, address: `${address}${encodePath(wanted.file)}` };
    const { exitCode, stderr } = await downloadAddressed(
      this.#workspace,
      [addressed],
      this.#folder,
      { settings },
      signal,
    );
    if (exitCode !== 0) {
      if (fileProblem(stderr) === undefined) this.#workspace.logFailedDownload(stderr);
      return stderr;
    }
    if ((await lstat(path)).isSymbolicLink()) await replaceByCopy(path);
    return undefined;
  }
}

/**
 * A repository at an address of the sources. One with a password stays out of command lines, which everybody on this
 * host can read: apt then gets it from a file, as a list of one mirror. apt cannot read such a list, and says so, if the
 * path of this server's data has a space.
 */
async function openRepository(address: string, path: string): Promise<Repository> {
  if (!/^[^/]*:\/\/[^/]*@/.test(address)) return { address, settings: [] };
  const mirror = `mirror+file:${path}`;
  const sources = `${path}.list`;
  await writeFile(path, `${address}\n`, { mode: 0o600 });
  // apt knows only the mirror lists that are in its sources.
  await writeFile(sources, `deb ${mirror} ./\n`);
  const settings = [
    `Dir::Etc::sourcelist=${sources}`,
    "Dir::Etc::sourceparts=/dev/null",
    // Only this process's user may read the list, which no mirror wrote. The method for the mirror is not meant.
    ...["mirror+file", "file"].map((method) => `Binary::${method}::APT::Sandbox::User=root`),
  ];
  return { address: `${mirror}/`, settings };
}

/** Replaces a link by the file that it leads to, which may change at any time. */
async function replaceByCopy(path: string): Promise<void> {
  await copyFile(path, `${path}.copy`);
  await rename(`${path}.copy`, path);
}
