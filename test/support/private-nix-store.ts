import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { mustRun } from "./command.ts";

/** A path of a private store: what it is called, its hash, and where its files are. */
export interface AddedPath {
  readonly path: string;
  readonly narHash: string;
  readonly hostPath: string;
}

/** A Nix store in a folder of the test's own, without substituters. Disposing of it lets the folder be removed. */
export interface PrivateNixStore extends AsyncDisposable {
  /** The folder that has the store paths in it. */
  readonly storeFolder: string;
  /** Puts a copy of a file or folder into the store. */
  add(source: string): Promise<AddedPath>;
  /** Runs `nix-store` on it; resolves to its standard output. */
  run(...options: readonly string[]): Promise<string>;
}

/** A new store in `folder`, which exists and is otherwise empty. */
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
    // Everything in a store is read-only, which keeps all but root from removing it.
    [Symbol.asyncDispose]: async () => void (await mustRun(["chmod", "-R", "u+w", folder])),
  };
}
