import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { mustRun } from "./command.ts";
import { makeRemovable } from "./nix.ts";

/** A path in a private store: its name there, its hash, and where its files are. */
export interface AddedPath {
  readonly path: string;
  readonly narHash: string;
  readonly hostPath: string;
}

/** A store for one test, used through Nix's own commands and without substituters. Disposing makes its folder removable. */
export interface PrivateNixStore extends AsyncDisposable {
  /** The folder that contains the store paths. */
  readonly storeFolder: string;
  /** Puts a copy of a file or folder into the store. */
  add(source: string): Promise<AddedPath>;
  /** Runs `nix-store` on it; resolves to its standard output. */
  run(...options: readonly string[]): Promise<string>;
}

/** Creates a store in `folder`, which must be empty. */
export async function privateNixStore(folder: string): Promise<PrivateNixStore> {
  const home = join(folder, "home");
  const root = join(folder, "root");
  await mkdir(home);
  const environment = {
    HOME: home,
    NIX_CONF_DIR: home,
    XDG_CACHE_HOME: home,
    USER: "slipway",
    NIX_CONFIG: `store = ${root}\nsubstituters =\nbuild-users-group =`,
  };
  const run = (...options: readonly string[]): Promise<string> =>
    mustRun(["nix-store", ...options], environment);
  const storeFolder = join(root, "nix/store");
  return {
    storeFolder,
    run,
    add: async (source) => {
      const path = (await run("--add", source)).trim();
      const narHash = (await run("--dump-db", path)).split("\n")[1] ?? "";
      return { path, narHash, hostPath: join(storeFolder, basename(path)) };
    },
    [Symbol.asyncDispose]: () => makeRemovable(folder),
  };
}
