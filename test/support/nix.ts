import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { NixSource } from "../../src/builder/nix/nix-source.ts";
import { type NixOptions, type NixSetOptions, openNix } from "../../src/builder/nix/open-nix.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { type Clock, SYSTEM_CLOCK } from "../../src/clock.ts";
import { createLogger } from "../../src/log.ts";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import type { SourceLedger } from "../../src/metadata/ports/source-ledger.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import { installed, mustRun } from "./command.ts";

/** Whether Nix is installed. */
export const HAS_NIX = installed("nix-instantiate", "nix-store");

/** A package set of a few small packages. */
export const SMALL_SET = join(import.meta.dir, "small-set");

/** The host paths that a builder can see, for sets whose builder is the host's shell. */
export const HOST_SHELL = ["/bin", "/lib", "/lib64", "/usr"];

/** Variables for a server that builds from the small set. */
export const SMALL_SET_VARIABLES: Readonly<Record<string, string>> = {
  SLIPWAY_BUILDER_NIX_PATH: SMALL_SET,
  SLIPWAY_BUILDER_NIX_INCLUDE: '["everywhere"]',
  SLIPWAY_BUILDER_NIX_SUBSTITUTERS: "[]",
  SLIPWAY_BUILDER_NIX_SANDBOX_PATHS: JSON.stringify(HOST_SHELL),
  // Some attributes never finish evaluating, so indexing would run until its time limit.
  SLIPWAY_BUILDER_SEARCH: "false",
};

/** Makes a folder with a store removable, because everything in a store is read-only. */
export async function makeRemovable(folder: string): Promise<void> {
  await mustRun(["chmod", "-R", "u+w", folder]);
}

/** A source, and the runner of its commands. Disposing of it closes its ledger. */
export interface TestSource extends AsyncDisposable {
  readonly source: NixSource;
  readonly runner: CommandRunner;
}

/** Opens the metadata that instances share, in a file beside `folder`. */
export async function openLedger(folder: string): Promise<MetadataStore> {
  return await openMetadataStore(await openSqliteEngine(`${folder}.sqlite`));
}

/** Options of a {@link TestSource}. */
export interface TestSourceOptions extends Partial<Omit<NixOptions, "sets">>, Partial<NixSetOptions> {
  /** Folder of the package set. */
  readonly path?: string;
  /** The ledger of the source; by default a separate one, as for an instance with its own metadata. */
  readonly ledger?: SourceLedger;
  readonly clock?: Clock;
  /** Search path for its commands. */
  readonly searchPath?: string;
}

/** A source of the small set, or of another one, with its store in `stateFolder`. */
export async function openNixSource(
  stateFolder: string,
  { path = SMALL_SET, ledger, clock = SYSTEM_CLOCK, searchPath, ...options }: TestSourceOptions = {},
): Promise<TestSource> {
  const log = createLogger("silent");
  const environment = searchPath === undefined ? process.env : { PATH: searchPath };
  const runner = new CommandRunner({ environment, log, graceMs: 5_000 });
  const own = ledger === undefined ? await openLedger(stateFolder) : undefined;
  const set: NixSetOptions = {
    name: "nix",
    root: false,
    origin: { kind: "folder", path },
    arguments: {},
    include: ["everywhere"],
    ...options,
  };
  const opened = openNix(
    {
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
      refreshSeconds: 86_400,
      popularity: false,
      closurePaths: 20_000,
      closureBytes: 1 << 30,
      storeBytes: 2 ** 40,
      ...options,
      sets: [set],
    },
    { runner, ledger: (ledger ?? own?.sources) as SourceLedger, log, clock },
  );
  const [source] = opened.sources;
  if (source === undefined) throw new Error("no source");
  return {
    source,
    runner,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await own?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * The ids of build processes whose derivation has this `marker`. For the small set's `stays`, that is the argument
 * `greeting`.
 */
export async function buildersWith(marker: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const matches = await Promise.all(
    pids.map(async (pid) => {
      const environment = await Bun.file(`/proc/${pid}/environ`)
        .text()
        .catch(() => "");
      return environment.includes(`marker=${marker}`);
    }),
  );
  return pids.filter((_, index) => matches[index]);
}
