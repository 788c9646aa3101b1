import { join } from "node:path";
import { mustRun } from "../support/command.ts";

/** One real client, and the commands with which it does what all clients do. References have no scheme. */
export interface ClientProgram {
  readonly name: string;
  /** Whether what it pushes is what it was given, byte for byte; others compress layers again. */
  readonly keepsBytes: boolean;
  /** Pushes the image of an OCI layout. */
  push(tools: ClientTools, layout: string, reference: string): Promise<unknown>;
  /** Pulls an image into an OCI layout that is not there yet, tagged `v1`. */
  pull(tools: ClientTools, reference: string, layout: string): Promise<unknown>;
  copy(tools: ClientTools, from: string, to: string): Promise<unknown>;
  /** What it prints when it lists a repository's tags; absent when it cannot. */
  listTags?(tools: ClientTools, repository: string): Promise<string>;
  /** Absent when it cannot. */
  remove?(tools: ClientTools, reference: string): Promise<unknown>;
}

/** Runs programs with a home, stores and settings in one folder, and with the CI's own programs on the path. */
export class ClientTools {
  readonly folder: string;
  readonly #registry: string;

  constructor(folder: string, registry: string) {
    this.folder = folder;
    this.#registry = registry;
  }

  /** Runs a program that must succeed; resolves to what it printed. */
  run(...command: readonly string[]): Promise<string> {
    return mustRun(command, {
      HOME: this.folder,
      XDG_RUNTIME_DIR: this.folder,
      PATH: SEARCH_PATH,
      REGISTRY_AUTH_FILE: join(this.folder, "auth.json"),
      COSIGN_PASSWORD: "",
    });
  }

  /** Makes what some clients read their settings from. */
  async prepare(): Promise<void> {
    await Bun.write(join(this.folder, "policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
    await Bun.write(join(this.folder, "auth.json"), "{}");
    const hosts = { hosts: { [this.#registry]: { tls: "disabled" } } };
    await Bun.write(join(this.folder, ".regctl/config.json"), JSON.stringify(hosts));
  }
}

const SEARCH_PATH = [process.env.SLIPWAY_TEST_BIN, process.env.PATH].filter(Boolean).join(":");

/** Whether the program is installed, on the path or where CI builds its own. */
export function isInstalled(program: string): boolean {
  return Bun.which(program, { PATH: SEARCH_PATH }) !== null;
}
