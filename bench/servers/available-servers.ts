import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ServerStarter } from "./bench-server.ts";
import { startDistribution } from "./distribution.ts";
import { startNginx } from "./nginx.ts";
import { startSlipway } from "./slipway.ts";
import { startZot } from "./zot.ts";

/** The name under which Distribution's current major version is reported. */
export const DISTRIBUTION_V3 = "Distribution v3";

/** Servers that this machine can run, and a sentence for each that is missing. */
export interface AvailableServers {
  readonly starters: readonly ServerStarter[];
  readonly missing: readonly string[];
}

/**
 * Finds servers on PATH, in the folder `SLIPWAY_TEST_BIN`, and in Debian's `sbin` folders. `beside` is another checkout of
 * Slipway.
 */
export function findServers(beside: string | undefined): AvailableServers {
  const starters: ServerStarter[] = [(folder) => startSlipway(folder)];
  if (beside !== undefined) starters.push((folder) => startSlipway(folder, resolve(beside)));
  const missing: string[] = [];
  const add = (name: string, program: string, hint: string, start: (path: string) => ServerStarter) => {
    const path = findProgram(program);
    if (path === undefined) missing.push(`${name} is not measured: no \`${program}\` here (${hint})`);
    else starters.push(start(path));
  };
  add("nginx", "nginx", "apt-get install nginx-light", (path) => (folder) => startNginx(path, folder));
  add(
    DISTRIBUTION_V3,
    "registry",
    "its folder goes into SLIPWAY_TEST_BIN",
    (path) => (folder) => startDistribution(DISTRIBUTION_V3, path, folder),
  );
  add(
    "Debian's Distribution",
    "docker-registry",
    "apt-get install docker-registry",
    (path) => (folder) => startDistribution("Distribution v2", path, folder),
  );
  add("zot", "zot", "its folder goes into SLIPWAY_TEST_BIN", (path) => (folder) => startZot(path, folder));
  return { starters, missing };
}

/** Path of a program, or `undefined` when the machine lacks it. */
export function findProgram(name: string): string | undefined {
  const folders = [process.env.SLIPWAY_TEST_BIN, ...(process.env.PATH ?? "").split(":"), "/usr/sbin"];
  return folders
    .filter((folder) => folder !== undefined && folder !== "")
    .map((folder) => join(folder as string, name))
    .find((path) => existsSync(path));
}
