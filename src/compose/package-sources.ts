import { join, resolve } from "node:path";
import { AptSource } from "../builder/apt/apt-source.ts";
import {
  type NixOriginOptions,
  type NixSetOptions,
  type NixSources,
  openNix,
} from "../builder/nix/open-nix.ts";
import type { PackageSource } from "../builder/package-source.ts";
import { CommandRunner } from "../builder/process/command-runner.ts";
import { environment } from "../config/environment.ts";
import { hasOrigin, type NixSetConfig } from "../config/nix-schema.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../log.ts";
import type { SourceLedger } from "../metadata/ports/source-ledger.ts";
import { openAptFinisher } from "./apt-finisher.ts";
import { checkFinisherAgreement } from "./finisher-agreement.ts";
import { readImageSources } from "./image-sources.ts";

type BuilderConfig = Config["builder"];

/** The parts that package sources work with. */
interface Parts {
  readonly runner: CommandRunner;
  readonly ledger: SourceLedger;
  readonly log: Logger;
}

/** The package sources that the configuration asks for. Resources that must be closed are added to `opened`. */
export async function openPackageSources(
  builder: BuilderConfig,
  data: string,
  { ledger, log }: Omit<Parts, "runner">,
  opened: AsyncDisposableStack,
): Promise<readonly PackageSource[]> {
  const parts = { ledger, log, runner: new CommandRunner({ environment: environment(), log }) };
  const nix = opened.use(openNixSets(builder, data, parts));
  return [...(await createAptSources(builder, data, parts, opened)), ...nix.sources];
}

async function createAptSources(
  { apt }: BuilderConfig,
  data: string,
  { runner, ledger, log }: Parts,
  opened: AsyncDisposableStack,
): Promise<readonly PackageSource[]> {
  if (!apt.enabled) return [];
  const stateFolder = resolve(data, "apt");
  const options = {
    stateFolder,
    alwaysIncluded: apt.include,
    essential: apt.essential,
    recommends: apt.recommends,
    refreshListsSeconds: apt.listMaxAgeSeconds,
    sourcesFile: apt.sourcesFile && resolve(apt.sourcesFile),
    imageSources: await readImageSources(apt.imageSources),
  };
  const { finisher, description } = await openAptFinisher(apt, stateFolder, { runner, log }, opened);
  await checkFinisherAgreement(ledger, description, log);
  return [new AptSource(options, { runner, finisher, log })];
}

/** The Nix package sets that the configuration names. */
function openNixSets(builder: BuilderConfig, data: string, parts: Parts): NixSources {
  const { nix, refreshSeconds } = builder;
  const popularity = builder.plan === "nixery" && builder.popularity === "set";
  const own = hasOrigin(nix) ? [["nix", nix] as const] : [];
  const sets = [...own, ...Object.entries(nix.sets)].map(
    ([name, set]): NixSetOptions => ({ ...set, name, origin: nixOrigin(set) }),
  );
  return openNix({ ...nix, stateFolder: join(data, "nix"), refreshSeconds, popularity, sets }, parts);
}

function nixOrigin({ path, git, channel, channelUrl }: NixSetConfig): NixOriginOptions {
  if (path !== undefined) return { kind: "folder", path: resolve(path) };
  if (channel !== undefined) return { kind: "channel", channel, url: channelUrl };
  const fileAt = (file: string | undefined) => file && resolve(file);
  return {
    kind: "git",
    url: git.url ?? "",
    revisions: git.revisions,
    sshKeyFile: fileAt(git.sshKeyFile),
    knownHostsFile: fileAt(git.knownHostsFile),
    credentialsFile: fileAt(git.credentialsFile),
  };
}
