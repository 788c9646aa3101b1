import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../test/support/command.ts";
import { freePort } from "../../test/support/free-port.ts";
import { launch } from "../servers/launch.ts";
import type { Contender, RunningContender } from "./contender.ts";
import type { NixeryProgram } from "./nixery-program.ts";

/** The column heading of Nixery. */
export const NIXERY = "Nixery";

const STORE = "/nix/store";
/** Nix as Nixery has it in its own container, without a cache to ask first; as many builders as Slipway has. */
const NIX_CONFIGURATION = `sandbox = false
build-users-group =
substituters =
max-jobs = 2
cores = 1
experimental-features = nix-command
`;
const NIX_TIMEOUT_SECONDS = 600;

/** Whether the host's Nix store is empty, so that Nixery may use it and empty it again. */
export async function isHostStoreFree(): Promise<boolean> {
  const names = await readdir(STORE).catch(() => []);
  return names.every((name) => name.startsWith("."));
}

/** Nixery on the package set in `set`. It reads store paths directly, so it gets the host's store. */
export async function nixeryContender(
  program: NixeryProgram,
  folder: string,
  set: string,
): Promise<Contender> {
  const configuration = join(folder, "nix");
  await mkdir(configuration);
  await writeFile(join(configuration, "nix.conf"), NIX_CONFIGURATION);
  const environment = {
    NIX_CONF_DIR: configuration,
    HOME: folder,
    XDG_CACHE_HOME: join(folder, "cache"),
    PATH: `${program.programs}:${process.env.PATH}`,
    no_proxy: "127.0.0.1",
  };
  const collect = () => mustRun(["nix-store", "--gc", "--quiet"], environment);
  const start = (source: Readonly<Record<string, string>>, tag: string) =>
    startNixery(program, folder, { ...environment, ...source }, tag);
  return {
    name: NIXERY,
    version: program.version,
    start: async (beginning) => {
      if (beginning === "nothing") await collect();
      return await start({ NIXERY_PKGS_PATH: set }, "latest");
    },
    startPinned: async () => {
      const { repository, commit } = await committed(set, join(folder, "repository"));
      return await start({ NIXERY_PKGS_REPO: `file://${repository}` }, commit);
    },
    [Symbol.asyncDispose]: async () => void (await collect()),
  };
}

async function startNixery(
  program: NixeryProgram,
  folder: string,
  environment: Readonly<Record<string, string>>,
  tag: string,
): Promise<RunningContender> {
  const [layers, temporary] = [join(folder, "layers"), join(folder, "temporary")];
  for (const kept of [layers, temporary]) {
    await rm(kept, { recursive: true, force: true });
    await mkdir(kept);
  }
  const port = await freePort();
  const server = await launch({
    name: NIXERY,
    version: program.version,
    port,
    isRegistry: true,
    command: [program.server],
    environment: {
      ...environment,
      PORT: String(port),
      NIXERY_STORAGE_BACKEND: "filesystem",
      STORAGE_PATH: layers,
      TMPDIR: temporary,
      NIX_TIMEOUT: String(NIX_TIMEOUT_SECONDS),
    },
    folder,
  });
  return {
    manifestUrl: (image) => `${server.origin}/v2/${image}/manifests/${tag}`,
    skopeoSource: (image) => `docker://127.0.0.1:${port}/${image}:${tag}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A git repository with the set as its only commit. */
async function committed(set: string, repository: string): Promise<{ repository: string; commit: string }> {
  await rm(repository, { recursive: true, force: true });
  await mustRun(["cp", "-r", set, repository]);
  const git = (...parameters: readonly string[]) =>
    mustRun(["git", "-C", repository, "-c", "user.name=bench", "-c", "user.email=bench@localhost", ...parameters]);
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "the set");
  return { repository, commit: (await git("rev-parse", "HEAD")).trim() };
}
