import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun, run } from "../../test/support/command.ts";
import { freePort } from "../../test/support/free-port.ts";
import { launch } from "../servers/launch.ts";
import type { Contender, RunningContender } from "./contender.ts";
import type { NixeryProgram } from "./nixery-program.ts";
import type { MeasuredSet } from "./pinned-set.ts";

/** The column heading of Nixery. */
export const NIXERY = "Nixery";

/**
 * Nix's configuration as in Nixery's own container, but without binary caches, and with as many builders as Slipway.
 */
const NIX_CONFIGURATION = `sandbox = false
build-users-group =
substituters =
max-jobs = 2
cores = 1
experimental-features = nix-command
`;
const NIX_TIMEOUT_SECONDS = 600;

/** Whether the host's Nix store is empty. Then the benchmark can use it for Nixery and empty it again. */
export async function isHostStoreFree(): Promise<boolean> {
  const { exitCode, stdout } = await run(["nix-store", "--dump-db"], { NIX_CONFIG: "build-users-group =" });
  return exitCode === 0 && stdout === "";
}

/** Nixery on a package set. It reads store paths directly, so it must use the host's store. */
export async function nixeryContender(
  program: NixeryProgram,
  folder: string,
  set: MeasuredSet,
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
      return await start({ NIXERY_PKGS_PATH: set.path }, "latest");
    },
    startPinned: () => start({ NIXERY_PKGS_REPO: `file://${set.repository}` }, set.commit),
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
