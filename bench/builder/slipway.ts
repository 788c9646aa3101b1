import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { eventually } from "../../test/support/eventually.ts";
import { HOST_SHELL, makeRemovable } from "../../test/support/nix.ts";
import { startServerProcess } from "../../test/support/server-process.ts";
import type { Beginning, Contender, RunningContender } from "./contender.ts";
import type { MeasuredSet } from "./pinned-set.ts";

/** The column heading of Slipway. */
export const SLIPWAY = "Slipway";

/** Slipway, with its data in `folder`, on a package set. */
export async function slipwayContender(folder: string, set: MeasuredSet): Promise<Contender> {
  const data = join(folder, "data");
  await mkdir(data);
  return {
    name: SLIPWAY,
    version: packageJson.version,
    start: async (beginning) => {
      await forget(data, beginning);
      return await start(data, { SLIPWAY_BUILDER_NIX_PATH: set.path }, "latest");
    },
    startPinned: async () => {
      await forget(data, "packages");
      return await start(data, { SLIPWAY_BUILDER_NIX_GIT_URL: `file://${set.repository}` }, set.commit);
    },
    [Symbol.asyncDispose]: () => makeRemovable(folder),
  };
}

/** Removes everything, or everything except the Nix store. */
async function forget(data: string, beginning: Beginning): Promise<void> {
  await makeRemovable(data);
  for (const name of await readdir(data)) {
    if (beginning === "packages" && name === "nix") continue;
    await rm(join(data, name), { recursive: true });
  }
}

async function start(
  data: string,
  source: Readonly<Record<string, string>>,
  tag: string,
): Promise<RunningContender> {
  const server = await startServerProcess(data, {
    SLIPWAY_HTTP_HOST: "127.0.0.1",
    SLIPWAY_BUILDER_APT_ENABLED: "false",
    SLIPWAY_BUILDER_SEARCH: "false",
    ...source,
    SLIPWAY_BUILDER_NIX_SUBSTITUTERS: "[]",
    SLIPWAY_BUILDER_NIX_SANDBOX_PATHS: JSON.stringify(HOST_SHELL),
    no_proxy: "127.0.0.1",
  });
  // The server logs this after it has checked that Nix works.
  await eventually(() => /build source +nix: (?!not)/.test(server.output()));
  return {
    manifestUrl: (image) => `${server.url}/v2/nix/${image}/manifests/${tag}`,
    skopeoSource: (image) => `docker://${server.host}/nix/${image}:${tag}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
