import { expect } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GitOrigin, type GitOriginOptions } from "../../src/builder/nix/sets/git-origin.ts";
import type { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { RegistryError } from "../../src/oci/registry-error.ts";
import { TestRepository } from "./git.ts";
import { makeRemovable } from "./nix.ts";
import { testRunner } from "./nix-store.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";

/** A signal that is never aborted. */
export const SIGNAL = new AbortController().signal;

/** A git repository, and origins of package sets in it. */
export class GitOrigins implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly repository: TestRepository;
  /** The folder of the origins' state; it does not exist before an origin stores something. */
  readonly stateFolder: string;
  #states = 0;

  private constructor(folder: TemporaryFolder, repository: TestRepository) {
    this.folder = folder;
    this.repository = repository;
    this.stateFolder = join(folder.path, "state");
  }

  /** A repository without commits, whose default branch is `trunk`. */
  static async create(): Promise<GitOrigins> {
    const folder = await temporaryFolder("git-origin");
    return new GitOrigins(folder, await TestRepository.create(folder.path, "trunk"));
  }

  /** An origin with nothing in its cache. */
  open(url: string, options: Partial<GitOriginOptions> = {}, runner = testRunner()): GitOrigin {
    this.#states += 1;
    const state = join(this.stateFolder, String(this.#states));
    return new GitOrigin({ url, revisions: "reachable", stateFolder: state, ...options }, runner);
  }

  /** A runner that finds a shell script of this name before anything else. */
  async withProgram(name: string, script: string): Promise<CommandRunner> {
    const programs = join(this.folder.path, "programs");
    await mkdir(programs);
    await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(programs, name), 0o755);
    return testRunner({ ...process.env, PATH: `${programs}:${process.env.PATH}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await makeRemovable(this.folder.path);
    await this.folder[Symbol.asyncDispose]();
  }
}

/** The commit that a tag means, or the fault. */
export async function findCommit(origin: GitOrigin, tag: string): Promise<string> {
  try {
    const { id, lock, pinned } = await origin.find(tag, SIGNAL);
    expect(lock.revision).toBe(id);
    expect(pinned).toBe(/^[0-9a-f]{40}$/.test(tag));
    return id;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return error.fault;
  }
}

/** The error for clients that a promise is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<RegistryError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof RegistryError) return error;
  throw new Error(`not a registry error: ${error}`);
}
