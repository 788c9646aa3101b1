import { join } from "node:path";
import { mustRun } from "../../support/command.ts";

/** A real client, and its commands. References have no scheme. */
export interface ClientProgram {
  readonly name: string;
  /** Whether it pushes layers unchanged; others compress them again. */
  readonly keepsBytes: boolean;
  /** Pushes the image of an OCI layout. */
  push(tools: ClientTools, layout: string, reference: string): Promise<unknown>;
  /** Pulls an image into a new OCI layout, tagged `v1`. */
  pull(tools: ClientTools, reference: string, layout: string): Promise<unknown>;
  copy(tools: ClientTools, from: string, to: string): Promise<unknown>;
  /** Lists a repository's tags; absent if it cannot. Resolves to its output. */
  listTags?(tools: ClientTools, repository: string): Promise<string>;
  /** Absent if it cannot. */
  remove?(tools: ClientTools, reference: string): Promise<unknown>;
}

/** Runs programs with their home, stores and settings in one folder, and with the CI's programs on the path. */
export class ClientTools {
  readonly folder: string;
  readonly #registry: string;

  constructor(folder: string, registry: string) {
    this.folder = folder;
    this.#registry = registry;
  }

  /** Runs a program that must succeed; resolves to its output. */
  run(...command: readonly string[]): Promise<string> {
    return mustRun(command, {
      HOME: this.folder,
      XDG_RUNTIME_DIR: this.folder,
      PATH: SEARCH_PATH,
      REGISTRY_AUTH_FILE: join(this.folder, "auth.json"),
      COSIGN_PASSWORD: "",
    });
  }

  /** Creates the settings that some clients need. */
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
