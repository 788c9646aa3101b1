import { mustRun } from "../../test/support/command.ts";

/** A package set as a folder, which may change, and as the commit of a git repository. */
export interface MeasuredSet {
  readonly path: string;
  /** Folder of the repository. */
  readonly repository: string;
  readonly commit: string;
}

/** Copies the set in `path` into a new git repository in the folder `repository`. */
export async function commitSet(path: string, repository: string): Promise<MeasuredSet> {
  await mustRun(["cp", "-r", path, repository]);
  const author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
  const git = (...parameters: readonly string[]) =>
    mustRun(["git", "-C", repository, ...author, ...parameters]);
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "the set");
  return { path, repository, commit: (await git("rev-parse", "HEAD")).trim() };
}
