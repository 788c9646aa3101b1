import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandOutcome, mustRun, run } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { findProgram } from "../support/find-program.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

/** buildkitd starts only where there is a runtime, although no build of these tests runs a program. */
const RUNTIMES = ["runc", "crun"];

/** Whether this machine can run {@link BuildDaemon}. */
export function canRunBuildKit(): boolean {
  const groups = [["buildkitd"], ["buildctl"], RUNTIMES];
  return process.getuid?.() === 0 && groups.every((names) => findFirst(names) !== undefined);
}

/** The real BuildKit, with its data in a temporary folder. */
export class BuildDaemon implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #process: Bun.Subprocess;

  private constructor(folder: TemporaryFolder, process: Bun.Subprocess) {
    this.#folder = folder;
    this.#process = process;
  }

  /** Starts it; `registry` is one without TLS, such as `127.0.0.1:40123`. */
  static async start(registry: string): Promise<BuildDaemon> {
    const folder = await temporaryFolder("buildkit");
    const { path } = folder;
    // It looks for this name.
    await symlink(findFirst(RUNTIMES) as string, join(path, "buildkit-runc"));
    const settings = [
      `[registry."${registry}"]`,
      "http = true",
      "[worker.containerd]",
      "enabled = false",
      "[worker.oci]",
      // Without mounts.
      'snapshotter = "native"',
    ];
    await writeFile(join(path, "buildkitd.toml"), settings.join("\n"));
    const options = ["--config", join(path, "buildkitd.toml"), "--root", join(path, "root")];
    const daemon = Bun.spawn([findProgram("buildkitd") as string, ...options, "--addr", addressIn(path)], {
      env: { ...process.env, HOME: path, PATH: `${path}:${process.env.PATH}` },
      stdout: "ignore",
      stderr: Bun.file(join(path, "log")),
    });
    const started = new BuildDaemon(folder, daemon);
    try {
      await eventually(async () => (await started.#control("debug", "workers")).exitCode === 0);
      return started;
    } catch (error) {
      console.error(await Bun.file(join(path, "log")).text());
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Builds an image from the Dockerfile in `context`; resolves to what it said about the steps.
   *
   * @param options more options of `buildctl build`
   */
  async build(context: string, options: readonly string[]): Promise<string> {
    const sources = ["--local", `context=${context}`, "--local", `dockerfile=${context}`];
    const command = ["build", "--progress", "plain", "--frontend", "dockerfile.v0", ...sources, ...options];
    const { exitCode, stderr } = await this.#control(...command);
    if (exitCode !== 0) throw new Error(`the build ended with ${exitCode}:\n${stderr}`);
    return stderr;
  }

  /** Forgets all that it built. */
  async prune(): Promise<void> {
    await mustRun(this.#command("prune", "--all"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
    await this.#folder[Symbol.asyncDispose]();
  }

  #control(...parameters: readonly string[]): Promise<CommandOutcome> {
    return run(this.#command(...parameters), { HOME: this.#folder.path });
  }

  #command(...parameters: readonly string[]): readonly string[] {
    return [findProgram("buildctl") as string, "--addr", addressIn(this.#folder.path), ...parameters];
  }
}

/** The path of the first of these programs that is installed. */
function findFirst(names: readonly string[]): string | undefined {
  return names.map(findProgram).find((path) => path !== undefined);
}

function addressIn(folder: string): string {
  return `unix://${join(folder, "buildkitd.sock")}`;
}
