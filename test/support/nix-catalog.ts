import { cp } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { NixCatalog, type NixCatalogOptions } from "../../src/builder/nix/catalog/nix-catalog.ts";
import type { NixStore } from "../../src/builder/nix/store/nix-store.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { createLogger } from "../../src/log.ts";
import { makeRemovable } from "./nix.ts";
import { openNixStore } from "./nix-store.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A set of packages to list, with broken ones among them. */
const BROKEN_SET = join(import.meta.dir, "broken-set");

/** A catalog of a copy of the broken set, with a separate store. */
export interface TestCatalog extends AsyncDisposable {
  readonly catalog: NixCatalog;
  readonly store: NixStore;
  /** The set's folder, free to change. */
  readonly folder: string;
  /** The attributes that the catalog logged as lost. */
  lost(): readonly string[];
  /** Maximum number of commands that ran at the same time. */
  mostAtOnce(): number;
}

/** Opens a catalog; disposing of it removes the store and the copy. */
export async function openNixCatalog(options: Partial<NixCatalogOptions> = {}): Promise<TestCatalog> {
  const temporary = await temporaryFolder("nix-catalog");
  const folder = join(temporary.path, "set");
  await cp(BROKEN_SET, folder, { recursive: true });
  const lost: string[] = [];
  const write = (line: string) => void lost.push(...(JSON.parse(line).attributes ?? []));
  const log = pino({}, { write });
  const runner = new CommandRunner({ environment: process.env, log: createLogger("silent") });
  const store = openNixStore(join(temporary.path, "nix"), runner);
  let [running, most] = [0, 0];
  const counted: Pick<NixStore, "run" | "folders"> = {
    folders: store.folders,
    async run(command, context) {
      running += 1;
      most = Math.max(most, running);
      return await store.run(command, context).finally(() => {
        running -= 1;
      });
    },
  };
  const find = async (signal: AbortSignal) => {
    const path = await store.addSource(folder, signal);
    const placed = { state: { path }, [Symbol.asyncDispose]: () => Promise.resolve() };
    return { identity: path, place: async () => placed };
  };
  const defaults = { system: "x86_64-linux", arguments: {}, evaluationMs: 120_000 };
  return {
    catalog: new NixCatalog({ store: counted, find, runner, log }, { ...defaults, ...options }),
    store,
    folder,
    lost: () => lost,
    mostAtOnce: () => most,
    async [Symbol.asyncDispose]() {
      await makeRemovable(temporary.path);
      await temporary[Symbol.asyncDispose]();
    },
  };
}
