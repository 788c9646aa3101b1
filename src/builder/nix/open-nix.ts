import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { SourceLedger } from "../../metadata/ports/source-ledger.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { Evaluation } from "./evaluation/evaluation.ts";
import { NixHost, type NixHostOptions } from "./nix-host.ts";
import { NixSource } from "./nix-source.ts";
import { ChannelOrigin, type ChannelOriginOptions } from "./sets/channel-origin.ts";
import { FolderOrigin } from "./sets/folder-origin.ts";
import { GitOrigin, type GitOriginOptions } from "./sets/git-origin.ts";
import type { SetOrigin } from "./sets/set-origin.ts";

/** One package set. */
export interface NixSetOptions {
  /** First component of the names that it serves. */
  readonly name: string;
  /** Whether it also serves names without that component; at most one set does. */
  readonly root: boolean;
  readonly origin: NixOriginOptions;
  /** Arguments of the set besides `system`. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Attributes of the packages in every image. */
  readonly include: readonly string[];
}

/** Where a package set comes from. */
export type NixOriginOptions =
  | { readonly kind: "folder"; readonly path: string }
  | ({ readonly kind: "git" } & Omit<GitOriginOptions, "stateFolder">)
  | ({ readonly kind: "channel" } & ChannelOriginOptions);

/** All package sets, which share one Nix and its store. */
export interface NixOptions extends NixHostOptions {
  readonly sets: readonly NixSetOptions[];
  /** Whether to use the sets' own popularity data. */
  readonly popularity: boolean;
  /** How long a tag of a remote set keeps its meaning, in seconds. */
  readonly refreshSeconds: number;
  /** Maximum time for one evaluation, in seconds. */
  readonly evaluationSeconds: number;
  /** Maximum store paths in an image. */
  readonly closurePaths: number;
  /** Maximum bytes of the store paths in an image. */
  readonly closureBytes: number;
}

/** The parts that package sets work with. */
export interface NixParts {
  readonly runner: CommandRunner;
  readonly ledger: SourceLedger;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** The sources of several package sets. Disposing of them ends the work in the background. */
export interface NixSources extends AsyncDisposable {
  readonly sources: readonly NixSource[];
}

/** Opens package sets. Nothing is read or run before the first request. */
export function openNix(
  options: NixOptions,
  { runner, ledger, log, clock = SYSTEM_CLOCK }: NixParts,
): NixSources {
  const host = new NixHost(options, runner, log);
  const evaluation = new Evaluation(host.store, options.evaluationSeconds * 1000);
  const sources = options.sets.map((set) => {
    const { popularity, evaluationSeconds, closurePaths, closureBytes, refreshSeconds } = options;
    const origin = openOrigin(set.origin, host, runner);
    const parts = { host, origin, evaluation, runner, ledger, log, clock };
    return new NixSource(
      { ...set, popularity, evaluationSeconds, refreshSeconds, closurePaths, closureBytes },
      parts,
    );
  });
  return { sources, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

function openOrigin(origin: NixOriginOptions, { store }: NixHost, runner: CommandRunner): SetOrigin {
  switch (origin.kind) {
    case "folder":
      return new FolderOrigin(origin.path);
    case "git":
      return new GitOrigin({ ...origin, stateFolder: store.folders.repositories }, runner);
    case "channel":
      return new ChannelOrigin(origin, store);
  }
}
