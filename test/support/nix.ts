import { join } from "node:path";
import { NixSource, type NixSourceOptions } from "../../src/builder/nix/nix-source.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { type Clock, SYSTEM_CLOCK } from "../../src/clock.ts";
import { createLogger } from "../../src/log.ts";
import { installed, mustRun } from "./command.ts";

/** Whether Nix is installed. */
export const HAS_NIX = installed("nix-instantiate", "nix-store");

/** A package set of a few small packages. */
export const SMALL_SET = join(import.meta.dir, "small-set");

/** What a builder sees of the host, for sets whose builder is the host's shell. */
export const HOST_SHELL = ["/bin", "/lib", "/lib64", "/usr"];

/** Lets a folder with a store be removed: what is in a store is read-only. */
export async function makeRemovable(folder: string): Promise<void> {
  await mustRun(["chmod", "-R", "u+w", folder]);
}

/** A source, and the runner of its commands. */
export interface TestSource {
  readonly source: NixSource;
  readonly runner: CommandRunner;
}

/** A source of the small set, or of another one, with its store in `stateFolder`. */
export function openNixSource(
  stateFolder: string,
  options: Partial<NixSourceOptions> = {},
  clock: Clock = SYSTEM_CLOCK,
): TestSource {
  const log = createLogger("silent");
  // Nix ends its builders itself when it is asked to end, however busy the machine is.
  const runner = new CommandRunner({ environment: process.env, log, graceMs: 120_000 });
  const defaults: NixSourceOptions = {
    name: "nix",
    path: SMALL_SET,
    arguments: {},
    include: ["everywhere"],
    stateFolder,
    substituters: [],
    trustedKeys: [],
    sandboxPaths: HOST_SHELL,
    maxJobs: 2,
    builderTimeoutSeconds: 600,
    silentSeconds: 600,
    logBytes: 16 << 20,
    evaluationBytes: 1 << 30,
    evaluationSeconds: 120,
    closurePaths: 20_000,
    closureBytes: 1 << 30,
  };
  return { source: new NixSource({ ...defaults, ...options }, runner, log, clock), runner };
}
