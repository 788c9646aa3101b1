import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { NixFolders } from "../../../src/builder/nix/nix-environment.ts";
import { DumpSizes } from "../../../src/builder/nix/store/nix-output.ts";
import { mustRun } from "../../support/command.ts";
import { eventually } from "../../support/eventually.ts";
import { HOST_SHELL, makeRemovable } from "../../support/nix.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";

/** A server's answer to a pull. */
export interface Pull {
  readonly status: number;
  readonly digest: string;
  readonly body: string;
  readonly seconds: number;
}

/** A server that builds from a package set, and its store. */
export class NixServer implements AsyncDisposable {
  readonly process: ServerProcess;
  readonly #data: string;
  readonly #folders: NixFolders;

  private constructor(process: ServerProcess, data: string) {
    this.process = process;
    this.#data = data;
    this.#folders = new NixFolders(join(data, "nix"));
  }

  /** Starts a server with its data in `data`, and waits until it has found that Nix works. */
  static async start(
    data: string,
    set: string,
    variables: Readonly<Record<string, string>> = {},
  ): Promise<NixServer> {
    await mkdir(data, { recursive: true });
    const server = await startServerProcess(data, {
      SLIPWAY_BUILDER_APT_ENABLED: "false",
      SLIPWAY_BUILDER_SEARCH: "false",
      SLIPWAY_BUILDER_NIX_PATH: set,
      SLIPWAY_BUILDER_NIX_SUBSTITUTERS: "[]",
      SLIPWAY_BUILDER_NIX_SANDBOX_PATHS: JSON.stringify(HOST_SHELL),
      no_proxy: "127.0.0.1",
      ...variables,
    });
    await eventually(() => /build source +nix: (?!not)/.test(server.output()));
    return new NixServer(server, data);
  }

  /** Pulls the manifest of an image of these packages. */
  async pull(packages: readonly string[]): Promise<Pull> {
    const startedAt = performance.now();
    const response = await fetch(`${this.process.url}/v2/nix/${packages.join("/")}/manifests/latest`, {
      signal: AbortSignal.timeout(600_000),
    });
    const body = await response.text();
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      status: response.status,
      digest: response.headers.get("docker-content-digest") ?? "",
      body,
      seconds,
    };
  }

  /** Runs `nix-store` on the server's store, as an operator may. */
  async nixStore(...parameters: readonly string[]): Promise<string> {
    return await mustRun(["nix-store", ...parameters], {
      NIX_CONF_DIR: this.#folders.configuration,
      HOME: this.#folders.home,
      NIX_CONFIG: `store = ${this.#folders.store}\nbuild-users-group =\nsubstituters =`,
    });
  }

  /** Bytes of all paths in the store. */
  async storeBytes(): Promise<number> {
    let dump: string | undefined;
    // Nix gives up if a path is removed while it lists all of them.
    await eventually(async () => {
      dump = await this.nixStore("--dump-db").catch(() => undefined);
      return dump !== undefined;
    });
    const sizes = new DumpSizes();
    for (const line of (dump ?? "").split("\n")) sizes.add(line);
    return sizes.bytes;
  }

  /** The links that keep paths in the store for builds. */
  async roots(): Promise<readonly string[]> {
    return await readdir(this.#folders.roots);
  }

  /** The Nix processes of this server: its commands, and its builders, which have part of the store mounted. */
  async nixProcesses(): Promise<readonly number[]> {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
    const owned = await Promise.all(
      pids.map(async (pid) => {
        const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
        const isNix = (await read("environ")).includes(`NIX_CONF_DIR=${this.#folders.configuration}`);
        return isNix || (await read("mountinfo")).includes(`${this.#data}/`);
      }),
    );
    return pids.filter((_, index) => owned[index]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** Removes all of a server's data except its Nix store, so that it has neither images nor layers. */
export async function forgetImages(data: string): Promise<void> {
  for (const name of await readdir(data))
    if (name !== "nix") await rm(join(data, name), { recursive: true, force: true });
}

/** Removes a server's data. */
export async function removeData(data: string): Promise<void> {
  await makeRemovable(data);
  await rm(data, { recursive: true, force: true });
}
