import pino from "pino";
import { NixFolders, type NixSettings } from "../../src/builder/nix/nix-environment.ts";
import { NixStore } from "../../src/builder/nix/store/nix-store.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";

/** A command runner with the environment of this process, or another one. `onLog` gets each line that it logs. */
export function testRunner(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  onLog: (line: string) => void = () => {},
): CommandRunner {
  const log = pino({ level: "debug" }, { write: onLog });
  return new CommandRunner({ environment, log, graceMs: 120_000 });
}

/** The store of a Nix source in `stateFolder`, without binary caches. `others` replaces settings. */
export function openNixStore(
  stateFolder: string,
  runner = testRunner(),
  others: Partial<NixSettings> = {},
): NixStore {
  const settings = {
    stateFolder,
    substituters: [],
    trustedKeys: [],
    sandboxPaths: [],
    maxJobs: 1,
    builderTimeoutSeconds: 600,
    silentSeconds: 600,
    logBytes: 16 << 20,
    evaluationBytes: 1 << 30,
    ...others,
  };
  return new NixStore(new NixFolders(stateFolder), settings, runner);
}
